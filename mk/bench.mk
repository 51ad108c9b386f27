# Bench: a load generator that drives this server and any compatible one.
BENCH_EXE := $(OUT)/tests/bench/gnomon-bench
BENCH_OBJ := $(patsubst %.c,$(OUT)/%.o,$(sort $(wildcard tests/bench/*.c)))

$(BENCH_EXE): $(BENCH_OBJ) $(OUT)/libcommon.a $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

VIS_LOAD_EXE := $(OUT)/tests/bench/gnomon-vis-load

$(VIS_LOAD_EXE): $(OUT)/tests/bench/visibility/load.o $(OUT)/libhistory.a $(OUT)/libcommon.a $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

bench: $(BENCH_EXE) $(VIS_LOAD_EXE) all ## a fresh cluster under load: BENCH="--count 5000", REFERENCE=host:port or a program
ifneq ($(filter --visibility,$(BENCH)),)
	@scripts/setup test $(BUILD)
	@$(BUILD)/venv/bin/python tests/bench/visibility/run.py --out $(OUT) $(filter-out --visibility,$(BENCH))
else
	@tests/bench/run.py --out $(OUT) $(if $(REFERENCE),--reference $(REFERENCE)) -- $(BENCH)
endif

.PHONY: bench
