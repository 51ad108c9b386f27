/* addr.h - the address under which an answer is awaited. */
#ifndef GNOMON_MESH_ADDR_H
#define GNOMON_MESH_ADDR_H

#include <stdint.h>

/* Where an answer goes: a process and the call that waits there. Travels in records: anyone who
 * knows it may answer, once. */
struct mesh_addr {
    uint64_t process; /* random, new at every start of a process; 0: nobody waits */
    uint64_t call;
};

#endif
