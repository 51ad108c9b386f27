# Gnomon. `make help` lists the targets; rules of each area are in mk/.
VARIANT ?= release
BUILD   ?= build
CC      ?= gcc
OUT     := $(BUILD)/$(VARIANT)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

include mk/flags.mk
include mk/proto.mk
include mk/build.mk
include mk/embed.mk
include mk/test.mk
include mk/models.mk
include mk/sim.mk
include mk/fuzz.mk
include mk/lint.mk
include mk/bench.mk
include mk/oracle.mk
include mk/run.mk
include mk/compose.mk
