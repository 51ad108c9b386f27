package sdk

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

type userKey struct{}

// carries is a propagator: a word in the header goes with everything.
type carries struct{}

func (carries) Inject(ctx context.Context, to workflow.HeaderWriter) error {
	return put(to, ctx.Value(userKey{}))
}

func (carries) InjectFromWorkflow(ctx workflow.Context, to workflow.HeaderWriter) error {
	return put(to, ctx.Value(userKey{}))
}

func put(to workflow.HeaderWriter, word interface{}) error {
	if word == nil {
		return nil
	}
	payload, err := converter.GetDefaultDataConverter().ToPayload(word)
	to.Set("user", payload)
	return err
}

func read(from workflow.HeaderReader) (word string, err error) {
	if payload, there := from.Get("user"); there {
		err = converter.GetDefaultDataConverter().FromPayload(payload, &word)
	}
	return word, err
}

func (carries) Extract(ctx context.Context, from workflow.HeaderReader) (context.Context, error) {
	word, err := read(from)
	return context.WithValue(ctx, userKey{}, word), err
}

func (carries) ExtractToWorkflow(ctx workflow.Context, from workflow.HeaderReader) (workflow.Context, error) {
	word, err := read(from)
	return workflow.WithValue(ctx, userKey{}, word), err
}

func saysUser(ctx context.Context) (string, error) { return ctx.Value(userKey{}).(string), nil }

func childSaysUser(ctx workflow.Context) (string, error) {
	return ctx.Value(userKey{}).(string), nil
}

// told asks an activity, a child and itself after the user; signals bring the header of who sent them.
func told(ctx workflow.Context) ([]string, error) {
	words := []string{ctx.Value(userKey{}).(string)}
	err := workflow.SetUpdateHandler(ctx, "who", func(ctx workflow.Context) (string, error) {
		return ctx.Value(userKey{}).(string), nil
	})
	if err != nil {
		return nil, err
	}
	if err := workflow.SetQueryHandler(ctx, "words", func() ([]string, error) { return words, nil }); err != nil {
		return nil, err
	}
	workflow.SetCurrentDetails(ctx, "asking around")
	var word string
	options := workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second, Summary: "asks an activity"}
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), saysUser).Get(ctx, &word); err != nil {
		return nil, err
	}
	words = append(words, word)
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{StaticSummary: "the child", StaticDetails: "asked"})
	if err := workflow.ExecuteChildWorkflow(child, childSaysUser).Get(ctx, &word); err != nil {
		return nil, err
	}
	words = append(words, word)
	timer := workflow.NewTimerWithOptions(ctx, time.Millisecond, workflow.TimerOptions{Summary: "a moment"})
	if err := timer.Get(ctx, nil); err != nil {
		return nil, err
	}
	workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
	return words, nil
}

func TestHeadersAndMetadata(t *testing.T) {
	s := begin(t)
	mine, err := client.NewClientFromExisting(s.client, client.Options{
		Logger: quiet{}, ContextPropagators: []workflow.ContextPropagator{carries{}},
	})
	require.NoError(s, err)
	w := worker.New(mine, s.queue, worker.Options{})
	w.RegisterWorkflow(told)
	w.RegisterWorkflow(childSaysUser)
	w.RegisterActivity(saysUser)
	require.NoError(s, w.Start())
	s.Cleanup(w.Stop)
	options := s.options()
	options.StaticSummary, options.StaticDetails = "the summary", "many\ndetails"
	options.Memo = map[string]interface{}{"note": 5}
	options.Priority = temporal.Priority{PriorityKey: 2, FairnessKey: "fair", FairnessWeight: 2}
	ctx := context.WithValue(s.ctx, userKey{}, "somebody")
	run, err := mine.ExecuteWorkflow(ctx, options, told)
	require.NoError(s, err)

	other := context.WithValue(s.ctx, userKey{}, "another")
	handle, err := mine.UpdateWorkflow(other, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: "who", WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(s, err)
	var word string
	require.NoError(s, handle.Get(s.ctx, &word))
	require.Equal(s, "another", word)
	s.eventually("the child has answered", func() bool {
		answer, err := mine.QueryWorkflow(ctx, run.GetID(), "", "words")
		var words []string
		return err == nil && answer.Get(&words) == nil && len(words) == 3
	})
	answer, err := mine.QueryWorkflow(ctx, run.GetID(), "", "__temporal_workflow_metadata")
	require.NoError(s, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(s, answer.Get(&metadata))
	require.Equal(s, "asking around", metadata.CurrentDetails)
	described, err := mine.DescribeWorkflow(s.ctx, run.GetID(), "")
	require.NoError(s, err)
	summary, err := described.GetStaticSummary()
	require.NoError(s, err)
	details, err := described.GetStaticDetails()
	require.NoError(s, err)
	require.Equal(s, []string{"the summary", "many\ndetails"}, []string{summary, details})
	var note int
	require.NoError(s, converter.GetDefaultDataConverter().FromPayload(described.Memo.GetFields()["note"], &note))
	require.Equal(s, 5, note)
	require.NoError(s, mine.SignalWorkflow(other, run.GetID(), "", "end", nil))
	var words []string
	require.NoError(s, run.Get(s.ctx, &words))
	require.Equal(s, []string{"somebody", "somebody", "somebody"}, words)

	events := s.history(run.GetID(), run.GetRunID())
	text := func(kind enumspb.EventType) string {
		var summary string
		payload := find(s, events, kind).UserMetadata.GetSummary()
		require.NoError(s, converter.GetDefaultDataConverter().FromPayload(payload, &summary))
		return summary
	}
	require.Equal(s, "the summary", text(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED))
	require.Equal(s, "asks an activity", text(enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED))
	require.Equal(s, "the child", text(enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED))
	require.Equal(s, "a moment", text(enumspb.EVENT_TYPE_TIMER_STARTED))
	signal := find(s, events, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED).GetWorkflowExecutionSignaledEventAttributes()
	require.Contains(s, string(signal.Header.Fields["user"].Data), "another")
	initiated := find(s, events, enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED)
	id := initiated.GetStartChildWorkflowExecutionInitiatedEventAttributes().WorkflowId
	child, err := mine.DescribeWorkflow(s.ctx, id, "")
	require.NoError(s, err)
	summary, err = child.GetStaticSummary()
	require.NoError(s, err)
	require.Equal(s, "the child", summary)
	for _, one := range []string{run.GetID(), id} { // a child inherits it
		whole, err := mine.DescribeWorkflowExecution(s.ctx, one, "")
		require.NoError(s, err)
		priority := whole.WorkflowExecutionInfo.Priority
		require.EqualValues(s, 2, priority.PriorityKey)
		require.Equal(s, "fair", priority.FairnessKey)
	}
}
