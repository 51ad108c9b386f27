/* members_test.c - placement is even and moves only what it must. */
#include "common/mesh/members.h"
#include "tests/lib/test.h"

TEST(members_rendezvous_is_even_and_stable)
{
    enum { SHARDS = 256, PROCESSES = 4 };
    uint64_t processes[PROCESSES];
    size_t owned[PROCESSES] = {0};

    check(members_rendezvous(NULL, 0, 1, 0) == 0);
    for (uint64_t i = 0; i < PROCESSES; i++)
        processes[i] = UINT64_C(0x1234567890abcdef) * (i + 1);
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        const uint64_t all = members_rendezvous(processes, PROCESSES, 1, shard);
        const uint64_t fewer = members_rendezvous(processes, PROCESSES - 1, 1, shard);

        for (size_t i = 0; i < PROCESSES; i++)
            owned[i] += all == processes[i];
        if (all != processes[PROCESSES - 1])
            check(fewer == all); /* only the leaver's shards move */
    }
    for (size_t i = 0; i < PROCESSES; i++)
        check(owned[i] > SHARDS / PROCESSES / 2);
}
