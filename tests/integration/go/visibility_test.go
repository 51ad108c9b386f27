package sdk

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	filterpb "go.temporal.io/api/filter/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// own are the names of attributes of each type that one test has for itself.
type own struct {
	Text, Keyword, Int, Double, Bool, Datetime, KeywordList string
}

func (s *session) addOwn() own {
	tag := fmt.Sprint(time.Now().UnixNano())
	o := own{"Text" + tag, "Keyword" + tag, "Int" + tag, "Double" + tag, "Bool" + tag, "Time" + tag, "List" + tag}
	kinds := map[string]enumspb.IndexedValueType{
		o.Text:        enumspb.INDEXED_VALUE_TYPE_TEXT,
		o.Keyword:     enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		o.Int:         enumspb.INDEXED_VALUE_TYPE_INT,
		o.Double:      enumspb.INDEXED_VALUE_TYPE_DOUBLE,
		o.Bool:        enumspb.INDEXED_VALUE_TYPE_BOOL,
		o.Datetime:    enumspb.INDEXED_VALUE_TYPE_DATETIME,
		o.KeywordList: enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST,
	}
	_, err := s.client.OperatorService().AddSearchAttributes(s.ctx,
		&operatorservice.AddSearchAttributesRequest{Namespace: "default", SearchAttributes: kinds})
	require.NoError(s, err)
	listed, err := s.client.OperatorService().ListSearchAttributes(s.ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: "default"})
	require.NoError(s, err)
	var names []string
	for name, kind := range kinds {
		require.Equal(s, kind, listed.CustomAttributes[name])
		names = append(names, name)
	}
	s.Cleanup(func() {
		_, _ = s.client.OperatorService().RemoveSearchAttributes(s.ctx,
			&operatorservice.RemoveSearchAttributesRequest{Namespace: "default", SearchAttributes: names})
	})
	return o
}

func (s *session) listed(query string) []*workflowpb.WorkflowExecutionInfo {
	s.Helper()
	var found []*workflowpb.WorkflowExecutionInfo
	var token []byte
	for {
		page, err := s.client.ListWorkflow(s.ctx,
			&workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 1, NextPageToken: token})
		require.NoError(s, err, query)
		found = append(found, page.Executions...)
		if token = page.NextPageToken; len(token) == 0 {
			return found
		}
	}
}

func (s *session) counted(query string) *workflowservice.CountWorkflowExecutionsResponse {
	s.Helper()
	counted, err := s.client.CountWorkflow(s.ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	require.NoError(s, err, query)
	return counted
}

// attributed changes what the start set: a new number, no text, and says what it then sees.
func attributed(ctx workflow.Context, o own) (int64, error) {
	err := workflow.UpsertTypedSearchAttributes(ctx,
		temporal.NewSearchAttributeKeyInt64(o.Int).ValueSet(8),
		temporal.NewSearchAttributeKeyString(o.Text).ValueUnset())
	if err != nil {
		return 0, err
	}
	workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
	seen := workflow.GetTypedSearchAttributes(ctx)
	if seen.ContainsKey(temporal.NewSearchAttributeKeyString(o.Text)) {
		return 0, temporal.NewApplicationError("the text is still there", "Text")
	}
	list, _ := seen.GetKeywordList(temporal.NewSearchAttributeKeyKeywordList(o.KeywordList))
	number, _ := seen.GetInt64(temporal.NewSearchAttributeKeyInt64(o.Int))
	return number*10 + int64(len(list)), nil
}

func TestTypedSearchAttributes(t *testing.T) {
	s := begin(t)
	o := s.addOwn()
	s.worker(func(r worker.Registry) { r.RegisterWorkflow(attributed) })
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	options := s.options()
	options.TypedSearchAttributes = temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyString(o.Text).ValueSet("some words"),
		temporal.NewSearchAttributeKeyKeyword(o.Keyword).ValueSet("kw"),
		temporal.NewSearchAttributeKeyInt64(o.Int).ValueSet(7),
		temporal.NewSearchAttributeKeyFloat64(o.Double).ValueSet(1.5),
		temporal.NewSearchAttributeKeyBool(o.Bool).ValueSet(true),
		temporal.NewSearchAttributeKeyTime(o.Datetime).ValueSet(at),
		temporal.NewSearchAttributeKeyKeywordList(o.KeywordList).ValueSet([]string{"a", "b"}))
	run := s.startWith(options, attributed, o)
	mine := fmt.Sprintf("WorkflowId = '%s' AND ", run.GetID())
	s.eventually("the upsert is seen", func() bool { return s.counted(mine+o.Int+" = 8").Count == 1 })
	for query, matches := range map[string]int{
		o.Text + " = 'words'":                         0, // unset
		o.Text + " IS NULL":                           1,
		o.Keyword + " = 'kw'":                         1,
		o.Keyword + " STARTS_WITH 'k'":                1,
		o.Keyword + " IN ('x', 'kw')":                 1,
		o.Keyword + " != 'kw'":                        0,
		o.Int + " BETWEEN 8 AND 9":                    1,
		o.Int + " < 8":                                0,
		o.Double + " >= 1.5":                          1,
		o.Bool + " = true":                            1,
		o.Bool + " = false":                           0,
		o.Datetime + " > '2026-01-01T00:00:00Z'":      1,
		o.Datetime + " < '2026-01-01T00:00:00+00:00'": 0,
		o.KeywordList + " = 'b'":                      1,
		o.KeywordList + " IN ('c')":                   0,
	} {
		require.Len(s, s.listed(mine+query), matches, query)
		require.EqualValues(s, matches, s.counted(mine+query).Count, query)
	}
	for _, query := range []string{"NoSuch = 1", o.Keyword + " =", o.Text + " > 'a'"} {
		_, err := s.client.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		var invalid *serviceerror.InvalidArgument
		require.ErrorAs(s, err, &invalid, query)
	}
	described, err := s.client.DescribeWorkflow(s.ctx, run.GetID(), "")
	require.NoError(s, err)
	number, ok := described.TypedSearchAttributes.GetInt64(temporal.NewSearchAttributeKeyInt64(o.Int))
	require.True(s, ok)
	require.EqualValues(s, 8, number)
	found, ok := described.TypedSearchAttributes.GetTime(temporal.NewSearchAttributeKeyTime(o.Datetime))
	require.True(s, ok)
	require.True(s, found.Equal(at))
	require.NoError(s, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "go on", nil))
	require.EqualValues(s, 82, result[int64](s, run))

	options.ID = unique("wf")
	options.TypedSearchAttributes = temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyString(o.Int).ValueSet("x"))
	_, err = s.client.ExecuteWorkflow(s.ctx, options, attributed, o)
	require.ErrorContains(s, err, "invalid value for search attribute "+o.Int)
}

func waits(ctx workflow.Context) error {
	workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
	return nil
}

func TestListsOfEveryKind(t *testing.T) {
	s := begin(t)
	s.worker(func(r worker.Registry) { r.RegisterWorkflow(waits) })
	prefix := unique("list")
	for n := 0; n < 4; n++ {
		options := s.options()
		options.ID = fmt.Sprintf("%s-%d", prefix, n)
		s.startWith(options, waits)
	}
	require.NoError(s, s.client.TerminateWorkflow(s.ctx, prefix+"-0", "", "enough", "a detail"))
	require.NoError(s, s.client.SignalWorkflow(s.ctx, prefix+"-1", "", "end", nil))
	s.eventually("one has completed", func() bool {
		return s.status(prefix+"-1", "") == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	})

	mine := fmt.Sprintf("WorkflowId STARTS_WITH '%s'", prefix)
	require.Len(s, s.listed(mine), 4)
	counted := s.counted(mine + " GROUP BY ExecutionStatus")
	require.EqualValues(s, 4, counted.Count)
	groups := map[string]int64{}
	for _, group := range counted.Groups {
		var status string
		require.NoError(s, converter.GetDefaultDataConverter().FromPayload(group.GroupValues[0], &status))
		groups[status] = group.Count
	}
	require.Equal(s, map[string]int64{"Running": 2, "Completed": 1, "Terminated": 1}, groups)
	scanned, err := s.client.ScanWorkflow(s.ctx, &workflowservice.ScanWorkflowExecutionsRequest{Query: mine})
	require.NoError(s, err)
	require.Len(s, scanned.Executions, 4)

	since := &filterpb.StartTimeFilter{
		EarliestTime: timestamppb.New(time.Now().Add(-time.Hour)), LatestTime: timestamppb.New(time.Now().Add(time.Hour)),
	}
	one := func(n int) *filterpb.WorkflowExecutionFilter {
		return &filterpb.WorkflowExecutionFilter{WorkflowId: fmt.Sprintf("%s-%d", prefix, n)}
	}
	for n, open := range []int{0, 0, 1, 1} {
		opened, err := s.client.ListOpenWorkflow(s.ctx, &workflowservice.ListOpenWorkflowExecutionsRequest{
			StartTimeFilter: since,
			Filters:         &workflowservice.ListOpenWorkflowExecutionsRequest_ExecutionFilter{ExecutionFilter: one(n)},
		})
		require.NoError(s, err)
		require.Len(s, opened.Executions, open)
		closed, err := s.client.ListClosedWorkflow(s.ctx, &workflowservice.ListClosedWorkflowExecutionsRequest{
			StartTimeFilter: since,
			Filters:         &workflowservice.ListClosedWorkflowExecutionsRequest_ExecutionFilter{ExecutionFilter: one(n)},
		})
		require.NoError(s, err)
		require.Len(s, closed.Executions, 1-open)
	}
	_, err = s.client.ListArchivedWorkflow(s.ctx, &workflowservice.ListArchivedWorkflowExecutionsRequest{Query: mine})
	require.Error(s, err)
	for n := 2; n < 4; n++ {
		require.NoError(s, s.client.SignalWorkflow(s.ctx, fmt.Sprintf("%s-%d", prefix, n), "", "end", nil))
	}
}

// What a call has said is in every list and count that begins after it; the reference promises less.
func TestReadYourWrites(t *testing.T) {
	s := begin(t)
	prefix := unique("at-once")
	mine := fmt.Sprintf("WorkflowId STARTS_WITH '%s' AND ExecutionStatus = '%%s'", prefix)
	running := 0
	for n := 1; n <= 50; n++ {
		options := s.options()
		options.ID = fmt.Sprintf("%s-%d", prefix, n)
		s.startWith(options, waits) // nobody polls: it runs until it is terminated
		require.EqualValues(s, running+1, s.counted(fmt.Sprintf(mine, "Running")).Count)
		running++
		if n%2 == 0 {
			require.NoError(s, s.client.TerminateWorkflow(s.ctx, options.ID, "", ""))
			running--
			require.EqualValues(s, n/2, s.counted(fmt.Sprintf(mine, "Terminated")).Count)
		}
	}
	for n := 1; n <= 50; n += 2 {
		require.NoError(s, s.client.TerminateWorkflow(s.ctx, fmt.Sprintf("%s-%d", prefix, n), "", ""))
	}
	require.Zero(s, s.counted(fmt.Sprintf(mine, "Running")).Count)
}

func TestNamespaces(t *testing.T) {
	s := begin(t)
	names, err := client.NewNamespaceClient(client.Options{HostPort: os.Getenv("GNOMON_TEST_ADDRESS"), Logger: quiet{}})
	require.NoError(s, err)
	s.Cleanup(names.Close)
	name := unique("ns")
	register := &workflowservice.RegisterNamespaceRequest{
		Namespace: name, Description: "one", OwnerEmail: "me@here", Data: map[string]string{"a": "1"},
		WorkflowExecutionRetentionPeriod: durationpb.New(72 * time.Hour),
	}
	require.NoError(s, names.Register(s.ctx, register))
	var taken *serviceerror.NamespaceAlreadyExists
	require.ErrorAs(s, names.Register(s.ctx, register), &taken)
	described, err := names.Describe(s.ctx, name)
	require.NoError(s, err)
	require.Equal(s, enumspb.NAMESPACE_STATE_REGISTERED, described.NamespaceInfo.State)
	require.Equal(s, 72*time.Hour, described.Config.WorkflowExecutionRetentionTtl.AsDuration())
	require.NoError(s, names.Update(s.ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace:  name,
		UpdateInfo: &namespacepb.UpdateNamespaceInfo{Description: "two", Data: map[string]string{"b": "2"}},
	}))
	described, err = names.Describe(s.ctx, name)
	require.NoError(s, err)
	require.Equal(s, "two", described.NamespaceInfo.Description)
	require.Equal(s, map[string]string{"a": "1", "b": "2"}, described.NamespaceInfo.Data)
	require.Equal(s, "me@here", described.NamespaceInfo.OwnerEmail)
	var missing *serviceerror.NamespaceNotFound
	_, err = names.Describe(s.ctx, unique("nobody"))
	require.ErrorAs(s, err, &missing)

	// It is another world: the same workflow id, and nothing of ours.
	there, err := client.NewClientFromExisting(s.client, client.Options{Namespace: name, Logger: quiet{}})
	require.NoError(s, err)
	options := s.options()
	options.ID = unique("wf")
	first := s.startWith(options, waits)
	var other client.WorkflowRun
	s.eventually("the namespace is known", func() bool {
		other, err = there.ExecuteWorkflow(s.ctx, options, waits)
		return err == nil
	})
	require.NotEqual(s, first.GetRunID(), other.GetRunID())
	counted, err := there.CountWorkflow(s.ctx, &workflowservice.CountWorkflowExecutionsRequest{})
	require.NoError(s, err)
	require.EqualValues(s, 1, counted.Count)
	require.NoError(s, there.TerminateWorkflow(s.ctx, options.ID, "", ""))
	require.NoError(s, s.client.TerminateWorkflow(s.ctx, options.ID, first.GetRunID(), ""))
}

func TestHistoryIsFollowed(t *testing.T) {
	s := begin(t)
	s.worker(func(r worker.Registry) { r.RegisterWorkflow(waits) })
	run := s.start(waits)
	kinds := make(chan enumspb.EventType, 100)
	failed := make(chan error, 1)
	go func() {
		defer close(kinds)
		it := s.client.GetWorkflowHistory(s.ctx, run.GetID(), run.GetRunID(), true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			event, err := it.Next()
			if err != nil {
				failed <- err
				return
			}
			kinds <- event.EventType
		}
	}()
	seen := func(kind enumspb.EventType) {
		s.Helper()
		for {
			select {
			case got, open := <-kinds:
				require.True(s, open, "the history ended before %s", kind)
				if got == kind {
					return
				}
			case err := <-failed:
				require.NoError(s, err)
			case <-s.ctx.Done():
				s.Fatalf("no %s came", kind)
			}
		}
	}
	seen(enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	require.NoError(s, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "other", nil))
	seen(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
	require.NoError(s, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "end", nil))
	seen(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)
	_, open := <-kinds
	require.False(s, open, "nothing comes after the end")

	closing := s.client.GetWorkflowHistory(s.ctx, run.GetID(), "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	require.True(s, closing.HasNext())
	event, err := closing.Next()
	require.NoError(s, err)
	require.Equal(s, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, event.EventType)
	require.False(s, closing.HasNext())
}

func TestDescribeTaskQueueEnhanced(t *testing.T) {
	s := begin(t)
	s.worker(func(r worker.Registry) { r.RegisterWorkflow(waits) })
	ask := func(queue string) client.TaskQueueDescription {
		//nolint:staticcheck // the way that workers without a version have
		described, err := s.client.DescribeTaskQueueEnhanced(s.ctx, client.DescribeTaskQueueEnhancedOptions{
			TaskQueue: queue, ReportPollers: true, ReportStats: true, ReportTaskReachability: true,
			TaskQueueTypes: []client.TaskQueueType{client.TaskQueueTypeWorkflow, client.TaskQueueTypeActivity},
		})
		require.NoError(s, err)
		return described
	}
	s.eventually("its worker is seen", func() bool {
		return len(ask(s.queue).VersionsInfo[""].TypesInfo[client.TaskQueueTypeWorkflow].Pollers) == 1
	})
	info := ask(s.queue).VersionsInfo[""]
	require.Equal(s, client.BuildIDTaskReachability(client.BuildIDTaskReachabilityReachable), info.TaskReachability)
	require.Zero(s, info.TypesInfo[client.TaskQueueTypeActivity].Stats.ApproximateBacklogCount)
	waiting := unique("backlog")
	for n := 0; n < 3; n++ {
		run := s.startWith(client.StartWorkflowOptions{ID: unique("wf"), TaskQueue: waiting}, waits)
		s.Cleanup(func() { _ = s.client.TerminateWorkflow(s.ctx, run.GetID(), "", "") })
	}
	s.eventually("three wait", func() bool {
		return ask(waiting).VersionsInfo[""].TypesInfo[client.TaskQueueTypeWorkflow].Stats.ApproximateBacklogCount == 3
	})
}
