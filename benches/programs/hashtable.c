// A hash table with open addressing: inserts, look-ups and removals of 64-bit keys.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SLOTS (1 << 16)

struct slot {
    uint64_t key;
    uint32_t value;
    uint32_t state;
};

enum { EMPTY, USED, REMOVED };

static struct slot slots[SLOTS];

static uint32_t hash(uint64_t key) {
    key ^= key >> 31;
    key *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(key >> 40) & (SLOTS - 1);
}

static struct slot *find(uint64_t key) {
    for (uint32_t at = hash(key);; at = (at + 1) & (SLOTS - 1)) {
        if (slots[at].state == EMPTY) return NULL;
        if (slots[at].state == USED && slots[at].key == key) return &slots[at];
    }
}

static void insert(uint64_t key, uint32_t value) {
    struct slot *known = find(key);
    if (known) {
        known->value += value;
        return;
    }
    uint32_t at = hash(key);
    while (slots[at].state == USED) at = (at + 1) & (SLOTS - 1);
    slots[at] = (struct slot){key, value, USED};
}

int main(void) {
    uint64_t state = 88172645463325252u, sum = 0;
    for (int round = 0; round < 90; round++) {
        memset(slots, 0, sizeof slots);
        for (int i = 0; i < 200000; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            uint64_t key = state % 40000;
            struct slot *slot;
            switch (state >> 60) {
            case 0:
                if ((slot = find(key))) slot->state = REMOVED;
                break;
            case 1: case 2: case 3: case 4: case 5: case 6:
                insert(key, (uint32_t)i);
                break;
            default:
                if ((slot = find(key))) sum += slot->value;
            }
        }
    }
    printf("hashtable %llu\n", (unsigned long long)sum);
    return 0;
}
