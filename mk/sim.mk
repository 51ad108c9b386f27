# The simulator: a cluster in one process on virtual time; a seed replays exactly.
SIM_SRC := $(sort $(wildcard tests/sim/*.c))
SIM_OBJ := $(patsubst %.c,$(OUT)/%.o,$(SIM_SRC))
SEEDS   ?= 300

$(OUT)/tests/sim/sim: $(SIM_OBJ) $(LIBS) $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

sim: $(OUT)/tests/sim/sim ## simulate clusters: SEEDS=300 SEED=1 (the first) VERBOSE=1 (the trace)
	@$< --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(VERBOSE),--verbose)

.PHONY: sim
