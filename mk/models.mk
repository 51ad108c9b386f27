# Models: every tests/models/x_model.c is a program that checks a protocol exhaustively.
MODEL_SRC  := $(sort $(wildcard tests/models/*_model.c))
MODEL_EXES := $(patsubst %.c,$(OUT)/%,$(MODEL_SRC))

$(OUT)/tests/models/%_model: $(OUT)/tests/models/%_model.o $(OUT)/tests/models/explore.o $(OUT)/libcommon.a
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

models: $(MODEL_EXES) ## check every model
	@for model in $(MODEL_EXES); do $$model || exit 1; done

.PHONY: models
