/* transport_test.c - what may be listened on, told to others and dialed; tables. */
#include "common/mesh/transport.h"
#include "tests/lib/test.h"

TEST(transport_listen_and_advertise)
{
    static const struct {
        const char *listen, *advertise;
        bool insecure;
        const char *url, *told; /* NULL: refused with `complaint` */
        const char *complaint;
    } cases[] = {
        {"", "", false, "ipc:///run/x.sock", "ipc:///run/x.sock", ""},
        {NULL, NULL, false, "ipc:///run/x.sock", "ipc:///run/x.sock", ""},
        {"tcp://127.0.0.1:0", "", false, "tcp://127.0.0.1:0", "tcp://127.0.0.1:4000", ""},
        {"tcp://127.9.9.9:4000", "", false, "tcp://127.9.9.9:4000", "tcp://127.9.9.9:4000", ""},
        {"tcp://[::1]:0", "", false, "tcp://[::1]:0", "tcp://[::1]:4000", ""},
        {"tcp://127.0.0.1:0", "localhost", false, "tcp://127.0.0.1:0", "tcp://localhost:4000", ""},
        {"tcp://10.1.2.3:0", "", true, "tcp://10.1.2.3:0", "tcp://10.1.2.3:4000", ""},
        {"tcp://0.0.0.0:0", "history-1.example", true, "tcp://0.0.0.0:0",
         "tcp://history-1.example:4000", ""},
        {"tcp://0.0.0.0:0", "gate:81", true, "tcp://0.0.0.0:0", "tcp://gate:81", ""},
        {"tcp://[::]:7", "[fd00::7]", true, "tcp://[::]:7", "tcp://[fd00::7]:4000", ""},
        {"tcp://0.0.0.0:0", "", false, NULL, NULL, "mesh.listen: tcp://0.0.0.0:0 is beyond"},
        {"tcp://10.1.2.3:0", "", false, NULL, NULL, "GNOMON_MESH_INSECURE"},
        {"tcp://127.0.0.1:0", "far", false, NULL, NULL, "mesh.advertise: far is beyond"},
        {"tcp://history:0", "", true, NULL, NULL, "mesh.listen: not tcp://ADDRESS:PORT"},
        {"tcp://127.0.0.1", "", true, NULL, NULL, "mesh.listen: not tcp://ADDRESS:PORT"},
        {"tcp://127.0.0.1:70000", "", true, NULL, NULL, "mesh.listen: not"},
        {"tcp://[::1:5", "", true, NULL, NULL, "mesh.listen: not"},
        {"tcp://", "", true, NULL, NULL, "mesh.listen: not"},
        {"ipc:///somewhere", "", true, NULL, NULL, "mesh.listen: not"},
        {"tcp://127.0.0.1:0", "a b", true, NULL, NULL, "mesh.advertise: not a HOST"},
        {"tcp://127.0.0.1:0", "a:0", true, NULL, NULL, "mesh.advertise: not a HOST"},
        {"tcp://127.0.0.1:0", "0.0.0.0", true, NULL, NULL, "mesh.advertise: not a HOST"},
        {"", "host", true, NULL, NULL, "mesh.advertise: is for mesh.listen"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct mesh_transport transport = {cases[i].listen, cases[i].advertise,
                                                 cases[i].insecure};
        struct err_detail detail = {{0}, NULL, {0}};
        char url[MESH_URL_MAX] = "", told[MESH_URL_MAX] = "";

        const enum err err = mesh_listen_url(&transport, "/run/x.sock", url, &detail);
        check_err(err, cases[i].url ? ERR_OK : ERR_INVALID);
        if (!strstr(detail.text, cases[i].complaint))
            test_failed(__FILE__, __LINE__, "case %zu: complaint is %s", i, detail.text);
        if (!cases[i].url || err != ERR_OK)
            continue;
        check_str(url, cases[i].url);
        check_ok(mesh_advertise_url(&transport, "/run/x.sock", 4000, told, &detail));
        check_str(told, cases[i].told);
        check_ok(mesh_dial_check(&transport, told, &detail));
    }
}

/* What is listened on everywhere is told as an address that others can dial, or refused. */
TEST(transport_advertises_an_address_of_this_machine)
{
    const struct mesh_transport transport = {.listen = "tcp://0.0.0.0:0", .insecure = true};
    struct err_detail detail = {{0}, NULL, {0}};
    char told[MESH_URL_MAX] = "";

    if (mesh_advertise_url(&transport, "/x", 4000, told, &detail) == ERR_OK) {
        check(strstr(told, "0.0.0.0") == NULL && strstr(told, "127.") == NULL);
        check_ok(mesh_dial_check(&transport, told, &detail));
    } else {
        check(strstr(detail.text, "mesh.advertise: must be set") != NULL);
    }
}

TEST(transport_dials_only_what_it_should)
{
    static const struct {
        const char *url;
        bool insecure;
        enum err err;
    } cases[] = {
        {"ipc:///tmp/x/1-0.sock", false, ERR_OK},
        {"ipc://relative", false, ERR_INVALID},
        {"/tmp/x.sock", false, ERR_INVALID},
        {"tcp://127.0.0.1:1", false, ERR_OK},
        {"tcp://127.0.0.1:0", false, ERR_INVALID},
        {"tcp://127.0.0.1", true, ERR_INVALID},
        {"tcp://10.0.0.1:1", false, ERR_INVALID},
        {"tcp://10.0.0.1:1", true, ERR_OK},
        {"tcp://history:1", true, ERR_OK},
        {"tcp://history:1\n", true, ERR_INVALID},
        {"tcp://eth0;history:1", true, ERR_INVALID},
        {"ws://127.0.0.1:1", true, ERR_INVALID},
        {"", true, ERR_INVALID},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct mesh_transport transport = {.insecure = cases[i].insecure};
        struct err_detail detail = {{0}, NULL, {0}};

        check_err(mesh_dial_check(&transport, cases[i].url, &detail), cases[i].err);
    }
}

TEST(transport_probes_itself_on_loopback)
{
    char out[MESH_URL_MAX];

    mesh_probe_url("tcp://0.0.0.0:0", 5, out);
    check_str(out, "tcp://127.0.0.1:5");
    mesh_probe_url("tcp://[::]:0", 5, out);
    check_str(out, "tcp://[::1]:5");
    mesh_probe_url("tcp://10.0.0.1:0", 5, out);
    check_str(out, "tcp://10.0.0.1:5");
    mesh_probe_url("ipc:///x", 0, out);
    check_str(out, "ipc:///x");
    mesh_set_port(memcpy(out, "tcp://[::1]:0", 14), 77);
    check_str(out, "tcp://[::1]:77");
}
