// Package sdk drives a running server with the Go SDK. GNOMON_TEST_ADDRESS says where it is;
// test_go_sdk.py starts one and runs every test of this package by its name.
package sdk

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const testTimeout = 60 * time.Second

// quiet keeps the SDK's log out of the tests' output: many tests fail things on purpose.
type quiet struct{}

func (quiet) Debug(string, ...interface{}) {}
func (quiet) Info(string, ...interface{})  {}
func (quiet) Warn(string, ...interface{})  {}
func (quiet) Error(string, ...interface{}) {}

var _ log.Logger = quiet{}

// session is one test's view of the server: a client and a task queue of its own.
type session struct {
	*testing.T
	ctx    context.Context
	client client.Client
	queue  string
}

func dial(t *testing.T) client.Client {
	address := os.Getenv("GNOMON_TEST_ADDRESS")
	require.NotEmpty(t, address, "GNOMON_TEST_ADDRESS is not set")
	c, err := client.Dial(client.Options{HostPort: address, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func begin(t *testing.T) *session {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return &session{t, ctx, dial(t), unique(t.Name())}
}

func unique(name string) string {
	return fmt.Sprintf("go-%s-%d", name, time.Now().UnixNano())
}

// worker starts one that is stopped with the test.
func (s *session) worker(register func(worker.Registry)) worker.Worker {
	return s.workerWith(worker.Options{}, register)
}

func (s *session) workerWith(options worker.Options, register func(worker.Registry)) worker.Worker {
	w := worker.New(s.client, s.queue, options)
	register(w)
	require.NoError(s, w.Start())
	s.Cleanup(w.Stop)
	return w
}

func (s *session) options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: unique("wf"), TaskQueue: s.queue}
}

func (s *session) start(wf interface{}, args ...interface{}) client.WorkflowRun {
	return s.startWith(s.options(), wf, args...)
}

func (s *session) startWith(options client.StartWorkflowOptions, wf interface{}, args ...interface{}) client.WorkflowRun {
	run, err := s.client.ExecuteWorkflow(s.ctx, options, wf, args...)
	require.NoError(s, err)
	return run
}

// result waits for a run's result of type T.
func result[T any](s *session, run client.WorkflowRun) T {
	s.Helper()
	var value T
	require.NoError(s, run.Get(s.ctx, &value))
	return value
}

func (s *session) history(id, runID string) []*historypb.HistoryEvent {
	var events []*historypb.HistoryEvent
	it := s.client.GetWorkflowHistory(s.ctx, id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		event, err := it.Next()
		require.NoError(s, err)
		require.EqualValues(s, len(events)+1, event.EventId, "event ids are dense")
		events = append(events, event)
	}
	return events
}

func count(events []*historypb.HistoryEvent, kind enumspb.EventType) int {
	n := 0
	for _, event := range events {
		if event.EventType == kind {
			n++
		}
	}
	return n
}

func find(s *session, events []*historypb.HistoryEvent, kind enumspb.EventType) *historypb.HistoryEvent {
	s.Helper()
	for _, event := range events {
		if event.EventType == kind {
			return event
		}
	}
	s.Fatalf("no %s in the history", kind)
	return nil
}

// eventually waits until the condition holds.
func (s *session) eventually(what string, condition func() bool) {
	s.Helper()
	require.Eventually(s, condition, 20*time.Second, 20*time.Millisecond, what)
}

func (s *session) status(id, runID string) enumspb.WorkflowExecutionStatus {
	described, err := s.client.DescribeWorkflowExecution(s.ctx, id, runID)
	if err != nil {
		return enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	}
	return described.WorkflowExecutionInfo.Status
}

// quick are activity options for activities that take no time.
func quick(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
}
