# The simulator: a cluster in one process on virtual time; a seed replays exactly.
SIM_SRC := $(sort $(wildcard tests/sim/*.c))
SIM_OBJ := $(patsubst %.c,$(OUT)/%.o,$(SIM_SRC))
SEEDS   ?= 300

# Each defect is the same simulator with functions wrapped by the linker: those that its file names.
DEFECTS := $(patsubst tests/sim/defects/%.c,%,$(sort $(wildcard tests/sim/defects/*.c)))
wraps    = $(addprefix -Wl$(comma)--wrap=,$(shell grep -oh '__wrap_[a-z_]*' $(1) | sed s/__wrap_// | sort -u))
comma   := ,
sim_link = $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

$(OUT)/tests/sim/sim: $(SIM_OBJ) $(LIBS) $(PROTO_LIB)
	@echo "  LD  $@"
	@$(sim_link)

$(OUT)/tests/sim/sim_%: $(OUT)/tests/sim/defects/%.o $(SIM_OBJ) $(LIBS) $(PROTO_LIB)
	@echo "  LD  $@"
	@$(sim_link) $(call wraps,tests/sim/defects/$*.c)

sim: $(OUT)/tests/sim/sim ## simulate clusters: SEEDS=300 SEED=1 (the first) VERBOSE=1 (the trace)
	@$< --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(VERBOSE),--verbose)

sim-replay: $(OUT)/tests/sim/sim ## each seed twice: the same trace
	@$< --seeds $(SEEDS) --twice --name "sim replay"

sim-defects: $(DEFECTS:%=$(OUT)/tests/sim/sim_%) ## deliberate defects, and how many seeds find each
	@scripts/sim_defects 2000 $^

.PHONY: sim sim-replay sim-defects
