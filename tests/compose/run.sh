#!/bin/sh
# docker-compose.yml for real: build, start, run workflows, scale out, kill a history container under
# work, stop and start again on the same volume. Wants a Docker engine (DOCKER_HOST) and docker-compose.
#
# usage: run.sh PROGRAM   (the program of the Go SDK's tests, which `make setup` builds)
set -eu
cd "$(dirname "$0")/../.."
program=$1
export COMPOSE_PROJECT_NAME=gnomon-test GNOMON_PORT="${GNOMON_PORT:-17233}" \
    GNOMON_HTTP_PORT="${GNOMON_HTTP_PORT:-17243}" GNOMON_UI_PORT="${GNOMON_UI_PORT:-18233}"
compose=${COMPOSE:-docker-compose}
passed=0 failed=0

check()
{
    what=$1
    shift
    if "$@" >/tmp/gnomon-compose.$$ 2>&1; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        tail -n 40 /tmp/gnomon-compose.$$
    fi
}

workflows()
{
    GNOMON_TEST_ADDRESS=127.0.0.1:$GNOMON_PORT "$program" -test.parallel 8 -test.timeout 120s \
        -test.run 'TestSignalsAndQueries|TestActivityRetries|TestContinueAsNew|TestIDPolicies'
}

healthy()
{
    for _ in $(seq 60); do
        waiting=$($compose ps -q | xargs docker inspect --format '{{.State.Health.Status}}' | grep -vc '^healthy$' || true)
        [ "$waiting" = 0 ] && return 0
        sleep 1
    done
    $compose ps
    return 1
}

# The Web UI with its files, its API, and the HTTP API.
pages()
{
    for url in "$GNOMON_UI_PORT/namespaces/default/workflows" "$GNOMON_UI_PORT/api/v1/settings" \
        "$GNOMON_HTTP_PORT/api/v1/namespaces/default/workflows"; do
        python3 - "http://127.0.0.1:$url" <<'EOF' || return 1
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
    text = answer.read().decode()
assert "/_app/" in text or "DefaultNamespace" in text or "executions" in text, text[:500]
EOF
    done
}

killed_under_work()
{
    workflows &
    docker kill "$(docker ps -q --filter "name=${COMPOSE_PROJECT_NAME}[-_]history[-_]1")"
    wait $!
}

# As docs/operations.md tells: the backup becomes the data.
restored()
{
    $compose down && $compose run --rm --no-deps history gnomon-admin restore /data/backup-1 --to /data/restored || return 1
    export GNOMON_DATA_DIR=/data/restored
    $compose up -d && healthy && $compose exec -T history gnomon-admin verify
}

finish()
{
    $compose down -v >/dev/null 2>&1
    rm -f /tmp/gnomon-compose.$$
}
trap finish EXIT

check "the image is built, all services start" $compose up -d --build
check "all are healthy" healthy
check "workflows run" workflows
check "the Web UI and the HTTP API are there" pages
check "history and matching twice" $compose up -d --scale history=2 --scale matching=2
check "all six are healthy" healthy
check "workflows run on all of them" workflows
check "workflows run while a history container is killed" killed_under_work
check "everything stops" $compose stop
check "and starts again on its data" $compose up -d
check "all are healthy again" healthy
check "workflows run again" workflows
check "a backup is taken" $compose exec -T history gnomon-admin backup /data/backup-1
check "and is the data of a cluster" restored
check "workflows run on it" workflows
echo "compose: $passed passed, $failed failed"
[ "$failed" = 0 ]
