/* dispatch_test.c - every method of the API is in the table, built or said not to be; no other is.
 */
#include "tests/lib/test.h"

#include "api.h"
#include "frontend/handlers.h"

static const struct {
    const char *service, *name;
} methods[] = {
#define FE_METHOD(service, name, request, where, handler) {#service, #name},
#define FE_UNBUILT(service, name) {#service, #name},
#include "frontend/methods.def"
#undef FE_METHOD
#undef FE_UNBUILT
};

static int count_of(const char *service, const char *name)
{
    int count = 0;

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        count += strcmp(methods[i].service, service) == 0 && strcmp(methods[i].name, name) == 0;
    return count;
}

static unsigned compare(const ProtobufCServiceDescriptor *service)
{
    for (unsigned i = 0; i < service->n_methods; i++)
        if (count_of(service->short_name, service->methods[i].name) != 1)
            test_failed(__FILE__, __LINE__, "%s/%s stands %d times in methods.def",
                        service->short_name, service->methods[i].name,
                        count_of(service->short_name, service->methods[i].name));
    return service->n_methods;
}

TEST(frontend_table_has_every_method_of_the_services_once)
{
    const unsigned total =
        compare(&temporal__api__workflowservice__v1__workflow_service__descriptor) +
        compare(&temporal__api__operatorservice__v1__operator_service__descriptor);

    check(total > 130);
    check_i64(COUNT_OF(methods), total);
}
