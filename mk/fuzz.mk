# Fuzz targets: every tests/fuzz/fuzz_x.c is a program that tries what is made of tests/fuzz/seeds/x.txt.
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_EXES  := $(FUZZ_NAMES:%=$(OUT)/tests/fuzz/fuzz_%)
RUNS       ?= 2000000

$(OUT)/tests/fuzz/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(OUT)/tests/fuzz/fuzz.o $(OUT)/libfrontend.a $(OUT)/libcommon.a $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

fuzz-run: $(FUZZ_EXES)
	@for name in $(if $(NAME),$(NAME),$(FUZZ_NAMES)); do \
		$(OUT)/tests/fuzz/fuzz_$$name tests/fuzz/seeds/$$name.txt --runs $(RUNS) $(if $(SEED),--seed $(SEED)) \
			--keep $(BUILD)/fuzz-$$name || exit 1; \
	done

fuzz: ## inputs made of seeds, led by what code they reach: RUNS=2000000 SEED=1 NAME=filter
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-run

.PHONY: fuzz fuzz-run
