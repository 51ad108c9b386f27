# Containers: the compose file started for real. Not a part of `make test`: it wants a Docker engine.
compose-test: ## docker-compose.yml on the Docker engine of DOCKER_HOST, with workflows through it
	@scripts/setup test $(BUILD)
	@tests/compose/run.sh $(abspath $(BUILD))/tools/go-sdk.test

.PHONY: compose-test
