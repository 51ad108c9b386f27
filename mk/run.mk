# Running: a whole cluster on this machine, in the foreground, on the data in ./data.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

run: ## install what is missing, build and start everything (CONFIG=file); Ctrl-C stops it
	@scripts/setup build
	@$(MAKE) --no-print-directory $(JOBS) all
	@$(MAKE) --no-print-directory $(BUILD)/ui.pack || echo "run: going on without the Web UI's files" >&2
	@exec $(OUT)/gnomon-run $(if $(CONFIG),--config $(CONFIG))

# The Web UI's files; the frontend finds them there.
$(BUILD)/ui.pack: scripts/fetch_ui.py
	@scripts/fetch_ui.py $@

setup: ## install what building and testing need, and nothing else
	@scripts/setup test $(BUILD)

.PHONY: run setup
