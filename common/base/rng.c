/* rng.c - xoshiro256** (public domain algorithm by Blackman and Vigna), and UUIDs (RFC 9562). */
#include "common/base/rng.h"

#include <stdio.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) { /* splitmix64 */
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        rng->state[i] = z ^ z >> 31;
    }
}

void rng_seed_from_kernel(struct rng *rng)
{
    must(getrandom(rng->state, sizeof rng->state, 0) == (ssize_t)sizeof rng->state);
    rng->state[0] |= 1; /* the all-zero state is a fixed point */
}

uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->state;
    const uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    must(bound > 0);
    __extension__ typedef unsigned __int128 u128;

    return (uint64_t)((u128)rng_u64(rng) * bound >> 64);
}

void uuid_format(const uint8_t bytes[16], char out[UUID_TEXT_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = hex[bytes[i] >> 4];
        out[at++] = hex[bytes[i] & 15];
    }
    out[at] = '\0';
    must(at == UUID_TEXT_LEN);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(struct slice text, uint8_t out[16])
{
    if (text.len != UUID_TEXT_LEN)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text.ptr[at++] != '-')
            return false;
        const int high = hex_value(text.ptr[at]), low = hex_value(text.ptr[at + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}

static void uuid_stamp(uint8_t bytes[16], uint8_t version, char out[UUID_TEXT_LEN + 1])
{
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    uuid_format(bytes, out);
}

void uuid_v4(struct rng *rng, char out[UUID_TEXT_LEN + 1])
{
    uint8_t bytes[16];

    be64_put(bytes, rng_u64(rng));
    be64_put(bytes + 8, rng_u64(rng));
    uuid_stamp(bytes, 4, out);
}

void uuid_v7(struct rng *rng, int64_t wall_ms, char out[UUID_TEXT_LEN + 1])
{
    uint8_t bytes[16];

    be64_put(bytes, (uint64_t)wall_ms << 16 | (rng_u64(rng) & 0xffff));
    be64_put(bytes + 8, rng_u64(rng));
    uuid_stamp(bytes, 7, out);
}
