# Conformance: the same scenarios on this server and on a reference server that runs already.
oracle: all ## answers compared with a reference server: REFERENCE=host:port (ORACLE="--only timeout")
	@$(if $(REFERENCE),,echo "oracle: say REFERENCE=host:port of a running reference server" >&2; exit 2)
	@scripts/setup test $(BUILD)
	@$(BUILD)/venv/bin/python tests/oracle/run.py --bin $(OUT) --reference $(REFERENCE) -- $(ORACLE)

.PHONY: oracle
