// A text of JSON is made, read by a parser that descends, and summed up.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (1 << 20)

static char text[SIZE + 1000];
static const char *at;
static uint64_t sum;

static void space(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
}

static void fail(void) {
    printf("json: error at %d\n", (int)(at - text));
    exit(1);
}

static void string(void) {
    uint32_t hash = 2166136261u;
    for (at++; *at != '"'; at++) {
        char c = *at;
        if (c == '\\') {
            c = *++at;
            if (c == 'n') c = '\n';
        }
        if (!c) fail();
        hash = (hash ^ (uint8_t)c) * 16777619;
    }
    at++;
    sum += hash;
}

static void number(void) {
    int negative = *at == '-';
    if (negative) at++;
    double value = 0, scale = 1;
    while (*at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0');
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++) value += (*at - '0') * (scale *= 0.1);
    sum += (uint64_t)(int64_t)((negative ? -value : value) * 16);
}

static void value(void) {
    space();
    if (*at == '"') {
        string();
    } else if (*at == '[' || *at == '{') {
        char close = *at == '[' ? ']' : '}';
        for (at++, space(); *at != close; space()) {
            if (close == '}') {
                string();
                space();
                if (*at++ != ':') fail();
            }
            value();
            space();
            if (*at == ',') at++;
        }
        at++;
        sum = sum * 3 + 1;
    } else if (!strncmp(at, "true", 4) || !strncmp(at, "null", 4)) {
        at += 4;
    } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
        number();
    } else {
        fail();
    }
}

int main(void) {
    char *out = text;
    *out++ = '[';
    for (int i = 0; out < text + SIZE; i++) {
        out += sprintf(out, "%s{\"id\": %d, \"name\": \"item \\\"%d\\\" of many\", ", i ? ",\n" : "", i, i * 77 % 1000);
        out += sprintf(out, "\"size\": [%d.%d, -%d, %d.5], ", i % 90, i % 7, i * 13 % 1000, i % 11);
        out += sprintf(out, "\"inner\": {\"flag\": %s, \"text\": \"line\\nbreak\"}}", i % 3 ? "true" : "null");
    }
    *out++ = ']';
    for (int round = 0; round < 120; round++) {
        at = text;
        value();
        if (*at) fail();
    }
    printf("json %llu\n", (unsigned long long)sum);
    return 0;
}
