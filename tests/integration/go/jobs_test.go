package sdk

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchpb "go.temporal.io/api/batch/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func TestABatchJobTerminates(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) }
	kind := unique("many")
	s.worker(func(r worker.Registry) { r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: kind}) })
	ids := []string{}
	for i := 0; i < 5; i++ {
		ids = append(ids, s.start(kind).GetID())
	}
	job := unique("job")
	_, err := s.client.WorkflowService().StartBatchOperation(s.ctx, &workflowservice.StartBatchOperationRequest{
		Namespace: "default", JobId: job, Reason: "enough", VisibilityQuery: fmt.Sprintf("WorkflowType = '%s'", kind),
		Operation: &workflowservice.StartBatchOperationRequest_TerminationOperation{
			TerminationOperation: &batchpb.BatchOperationTermination{Identity: "somebody"},
		},
	})
	require.NoError(t, err)
	s.eventually("the job is done", func() bool {
		now, err := s.client.WorkflowService().DescribeBatchOperation(s.ctx, &workflowservice.DescribeBatchOperationRequest{Namespace: "default", JobId: job})
		require.NoError(t, err)
		return now.State == enumspb.BATCH_OPERATION_STATE_COMPLETED && now.CompleteOperationCount == 5
	})
	for _, id := range ids {
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, s.status(id, ""))
	}
}

func TestARateOfAQueueIsSet(t *testing.T) {
	s := begin(t)
	wf := func(workflow.Context) (string, error) { return "slowly", nil }
	s.worker(func(r worker.Registry) { r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "rated"}) })
	update := func(limit *taskqueuepb.RateLimit) *workflowservice.UpdateTaskQueueConfigResponse {
		answer, err := s.client.WorkflowService().UpdateTaskQueueConfig(s.ctx, &workflowservice.UpdateTaskQueueConfigRequest{
			Namespace: "default", TaskQueue: s.queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
			UpdateQueueRateLimit: &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{RateLimit: limit, Reason: "a test"},
		})
		require.NoError(t, err)
		return answer
	}
	set := update(&taskqueuepb.RateLimit{RequestsPerSecond: 7}).Config.QueueRateLimit
	require.EqualValues(t, 7, set.RateLimit.RequestsPerSecond)
	require.Equal(t, "a test", set.Metadata.Reason)
	require.Nil(t, update(nil).Config.QueueRateLimit.GetRateLimit())
	require.Equal(t, "slowly", result[string](s, s.start("rated")))
}
