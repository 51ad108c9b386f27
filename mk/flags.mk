# Compiler flags: one set of warnings, six variants.
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wswitch \
        -Wnull-dereference -fno-common -Werror \
        -Wno-deprecated-declarations # fields that the API deprecates are served all the same

OPT_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT_debug   := -O0 -g -Wno-maybe-uninitialized # without optimisation it is often wrong
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan    := -O1 -g -fsanitize=thread
OPT_fuzz    := $(OPT_asan) -fsanitize-coverage=trace-pc
OPT_cover   := -O0 -g --coverage -Wno-maybe-uninitialized
ifeq ($(OPT_$(VARIANT)),)
$(error VARIANT must be release, debug, asan, tsan, fuzz or cover, not "$(VARIANT)")
endif

PACKAGES := libuv libcurl libmicrohttpd libnghttp2 libprotobuf-c sqlite3 libxxhash msgpack jansson zlib yaml-0.1

# -std=c17, not gnu17: the generated code has a field named `linux`.
CFLAGS   := -std=c17 -D_GNU_SOURCE -MMD -MP -pthread $(OPT_$(VARIANT))
# Generated and library headers are not ours to warn about.
INCLUDES := -I. -isystem $(BUILD)/proto $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(PACKAGES) 2>/dev/null))
# Packed relocations: the tables of the API's messages have 40,000, of which each would take 24 bytes.
LDFLAGS  := -pthread -Wl,--as-needed -Wl,-z,pack-relative-relocs $(OPT_$(VARIANT))
# libcurl is loaded when it is needed: common/http/curl_library.h.
LDLIBS    = $(shell pkg-config --libs $(filter-out libcurl,$(PACKAGES))) -lnng -lm
