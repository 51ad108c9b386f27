# What a program can check about the sources.
C_FILES  = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')
SH_FILES = $(shell git grep -lI --untracked -E '^.!/bin/sh' -- scripts .ci)

lint: ## format, include arrows, banned calls, shell syntax, cppcheck
	@for tool in clang-format cppcheck; do command -v $$tool >/dev/null || \
		{ echo "lint: $$tool is missing (make setup installs it)" >&2; exit 1; }; done
	@clang-format --dry-run -Werror $(C_FILES)
	@scripts/check_rules.py $(C_FILES)
	@for script in $(SH_FILES); do sh -n $$script || exit 1; done
	@cppcheck --quiet --enable=warning,performance,portability --std=c11 --error-exitcode=1 \
		--inline-suppr --suppressions-list=mk/cppcheck.txt -I. -j2 \
		--template='{file}:{line}: {severity} {id}: {message}' $(filter %.c,$(C_FILES))

format: ## let clang-format rewrite what it would complain about
	@clang-format -i $(C_FILES)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  VARIANT=release|debug|asan|tsan chooses the flags, BUILD=folder where everything goes"

.PHONY: lint format help
