# Conformance: the same scenarios here and on the reference server, and what that answered when it was recorded.
ORACLE_RUN = PYTHONDONTWRITEBYTECODE=1 $(BUILD)/venv/bin/python tests/oracle/run.py

expectations: $(EXES) ## our answers compared with the reference's recorded ones (NAMES="timer query_idle")
	@scripts/setup test $(BUILD)
	@$(ORACLE_RUN) --ours $(OUT) $(NAMES)

oracle-test: $(EXES) ## our answers compared with the reference server's, which it builds and starts (NAMES=..., RECORD=1)
	@scripts/setup oracle $(BUILD)
	@$(ORACLE_RUN) $(if $(RECORD),--record,--ours $(OUT)) --reference $(BUILD)/tools/oracle $(NAMES)

oracle: $(EXES) ## the same with a reference server that runs: REFERENCE=host:port (NAMES=..., RECORD=1)
	@$(if $(REFERENCE),,echo "oracle: say REFERENCE=host:port of a running reference server" >&2; exit 2)
	@scripts/setup test $(BUILD)
	@$(ORACLE_RUN) $(if $(RECORD),--record,--ours $(OUT)) --reference $(REFERENCE) $(NAMES)

SEED ?= 1
COUNT ?= 100
oracle-random: $(EXES) ## random scripts on both servers: SEED=first COUNT=n (REFERENCE=host:port of one that runs)
	@scripts/setup $(if $(REFERENCE),test,oracle) $(BUILD)
	@$(ORACLE_RUN) --ours $(OUT) --reference $(or $(REFERENCE),$(BUILD)/tools/oracle) --jobs 8 --seeds $(SEED) $(COUNT)

.PHONY: expectations oracle-test oracle oracle-random
