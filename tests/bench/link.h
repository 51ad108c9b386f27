/* link.h - gRPC connections of the load generator: sockets and epoll around common/grpc/client.h.
 *
 * One thread. Calls are made on links, replies come out of links_turn(). */
#ifndef GNOMON_BENCH_LINK_H
#define GNOMON_BENCH_LINK_H

#include "common/grpc/client.h"

struct links;
struct link;

/* Connect `count` times to "host:port". NULL: *problem says why. */
struct links *links_open(const char *address, unsigned count, const char **problem);
void links_close(struct links *links);
struct link *links_get(struct links *links, unsigned index);

/* Begin a call; `reply` is called once, inside a links_turn(). */
void link_call(struct link *link, const struct grpc_client_request *request,
               grpc_client_reply_fn reply, void *arg);

/* Send what is there to be sent, wait for at most `timeout_ms`, take in what has come. false: a
 * connection is lost. */
bool links_turn(struct links *links, int timeout_ms);

#endif
