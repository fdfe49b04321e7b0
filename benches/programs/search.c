// Words in a text: by skipping (Horspool), by comparing at every place, and by a pattern with stars.
#include <stdio.h>
#include <string.h>

#define LENGTH 400000

static char text[LENGTH + 1];

static int by_skipping(const char *word, int length) {
    int skip[256], count = 0;
    for (int i = 0; i < 256; i++) skip[i] = length;
    for (int i = 0; i < length - 1; i++) skip[(unsigned char)word[i]] = length - 1 - i;
    for (int at = 0; at + length <= LENGTH; at += skip[(unsigned char)text[at + length - 1]]) {
        int i = length - 1;
        while (i >= 0 && text[at + i] == word[i]) i--;
        count += i < 0;
    }
    return count;
}

static int everywhere(const char *word, int length) {
    int count = 0;
    for (int at = 0; at + length <= LENGTH; at++) {
        int i = 0;
        while (i < length && text[at + i] == word[i]) i++;
        count += i == length;
    }
    return count;
}

// `?` is any character, `*` up to three of them.
static int matches(const char *pattern, const char *place) {
    for (; *pattern; pattern++, place++) {
        if (*pattern == '*') {
            for (int skip = 0; skip <= 3; skip++)
                if (matches(pattern + 1, place + skip)) return 1;
            return 0;
        }
        if (*pattern != '?' && *pattern != *place) return 0;
        if (!*place) return 0;
    }
    return 1;
}

int main(void) {
    static const char *const words[] = {"abacus", "deed", "cabbaged", "fade", "beadedface", "acde"};
    unsigned state = 5, sum = 0;
    for (int i = 0; i < LENGTH; i++) {
        state = state * 1103515245 + 12345;
        text[i] = "abcdefab"[state >> 20 & 7];
    }
    for (int round = 0; round < 20; round++) {
        for (int w = 0; w < 6; w++) {
            int length = (int)strlen(words[w]);
            sum = sum * 7 + (unsigned)by_skipping(words[w], length);
            sum = sum * 7 + (unsigned)everywhere(words[w], length);
        }
        for (int at = 0; at < LENGTH; at++) sum += (unsigned)matches("a?e*ad", text + at);
        text[round * 1000] = 'x';
    }
    printf("search %u\n", sum);
    return 0;
}
