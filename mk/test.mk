# Tests: every x_test.c is a program of its own, linked with all libraries.
UNIT_SRC  := $(shell find common frontend history matching timers admin -name '*_test.c' 2>/dev/null | sort)
UNIT_EXES := $(patsubst %.c,$(OUT)/%,$(UNIT_SRC))

$(OUT)/%_test: $(OUT)/%_test.o $(OUT)/tests/lib/test.o $(LIBS) $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

quick: $(UNIT_EXES) ## unit tests only, of the chosen VARIANT (NAME=store: those whose path says so)
	@scripts/run_units $(if $(NAME),$(foreach exe,$(UNIT_EXES),$(if $(findstring $(NAME),$(exe)),$(exe))),$(UNIT_EXES))

# The parts of `make test`, in order: what is quick to tell comes first.
PARTS = lint "quick VARIANT=release" "quick VARIANT=asan" "quick VARIANT=tsan" models \
        "fuzz-run VARIANT=asan RUNS=50000" "sim SEEDS=500" "sim-replay SEEDS=50" integration expectations

test: ## everything, closing with one line; installs what is missing
	@scripts/setup test $(BUILD)
	@scripts/test_all.py $(JOBS) BUILD=$(BUILD) CC="$(CC)" -- $(PARTS)

integration: $(EXES) $(BUILD)/ui.pack ## the real executables, driven by the Python SDK and the CLI (ARGS=...)
	@scripts/setup test $(BUILD)
	@cd tests/integration && PYTHONDONTWRITEBYTECODE=1 \
		LSAN_OPTIONS=suppressions=$(abspath tests/lib/lsan.supp) \
		TSAN_OPTIONS=second_deadlock_stack=1:suppressions=$(abspath tests/lib/tsan.supp) \
		GNOMON_TEST_BIN=$(abspath $(OUT)) GNOMON_TEST_CLI=$(abspath $(BUILD)/tools/temporal) \
		$(abspath $(BUILD)/venv)/bin/pytest $(ARGS)

cover: ## which lines the unit tests execute, per folder
	@find $(BUILD)/cover -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory VARIANT=cover quick
	@scripts/coverage.py $(BUILD)/cover

.PHONY: quick test integration cover
