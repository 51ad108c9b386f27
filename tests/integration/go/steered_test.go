package sdk

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func TestAWorkflowsPriorityIsChanged(t *testing.T) {
	s := begin(t)
	s.worker(registerCounter)
	run := s.start(counter, 0)
	answer, err := s.client.WorkflowService().UpdateWorkflowExecutionOptions(s.ctx, &workflowservice.UpdateWorkflowExecutionOptionsRequest{
		Namespace: "default", WorkflowExecution: executionOf(run),
		WorkflowExecutionOptions: &workflowpb.WorkflowExecutionOptions{Priority: &commonpb.Priority{PriorityKey: 4}},
		UpdateMask:               &fieldmaskpb.FieldMask{Paths: []string{"priority"}},
	})
	require.NoError(t, err)
	require.EqualValues(t, 4, answer.WorkflowExecutionOptions.Priority.PriorityKey)
	described, err := s.client.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
	require.NoError(t, err)
	require.EqualValues(t, 4, described.WorkflowExecutionInfo.Priority.PriorityKey)
	require.Equal(t, 1, s.updated(run, "", "add", 1))
	s.end(run)
	require.Equal(t, 1, result[int](s, run))
	events := s.history(run.GetID(), run.GetRunID())
	require.Equal(t, 1, count(events, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED))
}

func TestPayloadsPastTheLimit(t *testing.T) {
	s := begin(t)
	wf := func(workflow.Context, string) (string, error) { return strings.Repeat("x", 2<<20), nil }
	s.workerWith(worker.Options{DisablePayloadErrorLimit: true}, func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "large"})
	})
	var invalid *serviceerror.InvalidArgument
	_, err := s.client.ExecuteWorkflow(s.ctx, s.options(), "large", strings.Repeat("x", 2<<20))
	require.ErrorAs(t, err, &invalid)
	options := s.options()
	options.WorkflowRunTimeout = 30 * time.Second
	run := s.startWith(options, "large", "small")
	require.Error(t, run.Get(s.ctx, nil), "a result past the limit ends the run")
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, s.status(run.GetID(), ""))
}

func TestAWorkerIsListed(t *testing.T) {
	s := begin(t)
	beats, err := client.Dial(client.Options{
		HostPort: os.Getenv("GNOMON_TEST_ADDRESS"), Logger: quiet{}, WorkerHeartbeatInterval: time.Second,
	})
	require.NoError(t, err)
	s.Cleanup(beats.Close)
	w := worker.New(beats, s.queue, worker.Options{})
	registerCounter(w)
	require.NoError(t, w.Start())
	s.Cleanup(w.Stop)
	s.eventually("the worker is known", func() bool {
		answer, err := s.client.WorkflowService().ListWorkers(s.ctx, &workflowservice.ListWorkersRequest{
			Namespace: "default", Query: "TaskQueue = '" + s.queue + "'",
		})
		require.NoError(t, err)
		for _, info := range answer.WorkersInfo {
			if info.WorkerHeartbeat.GetTaskQueue() == s.queue {
				return true
			}
		}
		return false
	})
}
