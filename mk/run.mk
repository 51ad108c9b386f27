# Running: a whole cluster on this machine, in the foreground, on the data in ./data.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

run: ## install what is missing, build and start everything (CONFIG=file); Ctrl-C stops it
	@scripts/setup build
	@$(MAKE) --no-print-directory $(JOBS) all
	@exec $(OUT)/gnomon-run $(if $(CONFIG),--config $(CONFIG))

setup: ## install what building and testing need, and nothing else
	@scripts/setup test $(BUILD)

.PHONY: run setup
