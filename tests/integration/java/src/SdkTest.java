// SdkTest.java - the main path with the Java SDK, on the server at GNOMON_TEST_ADDRESS.
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.client.UpdateOptions;
import io.temporal.client.WithStartWorkflowOperation;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.client.WorkflowUpdateHandle;
import io.temporal.client.WorkflowUpdateStage;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TerminatedFailure;
import io.temporal.failure.TimeoutFailure;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SdkTest {
  private static final String QUEUE = "java-" + UUID.randomUUID();
  private static WorkflowServiceStubs service;
  private static WorkflowClient client;
  private static WorkerFactory factory;

  @BeforeAll
  static void begin() {
    String address = System.getenv("GNOMON_TEST_ADDRESS");
    assertTrue(address != null, "GNOMON_TEST_ADDRESS is not set");
    service =
        WorkflowServiceStubs.newServiceStubs(
            WorkflowServiceStubsOptions.newBuilder().setTarget(address).build());
    client = WorkflowClient.newInstance(service);
    factory = WorkerFactory.newInstance(client);
    Worker worker = factory.newWorker(QUEUE);
    worker.registerWorkflowImplementationTypes(Workflows.ALL);
    worker.registerActivitiesImplementations(new Activities.Impl());
    factory.start();
  }

  @AfterAll
  static void end() {
    factory.shutdownNow();
    factory.awaitTermination(10, TimeUnit.SECONDS);
    service.shutdownNow();
  }

  private static WorkflowOptions.Builder options() {
    return WorkflowOptions.newBuilder().setTaskQueue(QUEUE).setWorkflowId("java-" + UUID.randomUUID());
  }

  private static <T> T stub(Class<T> type) {
    return client.newWorkflowStub(type, options().build());
  }

  private static DescribeWorkflowExecutionResponse describe(WorkflowExecution execution) {
    return service
        .blockingStub()
        .describeWorkflowExecution(
            DescribeWorkflowExecutionRequest.newBuilder()
                .setNamespace("default")
                .setExecution(execution)
                .build());
  }

  private static void until(BooleanSupplier check) throws InterruptedException {
    for (long end = System.nanoTime() + 20_000_000_000L; System.nanoTime() < end; Thread.sleep(20)) {
      if (check.getAsBoolean()) {
        return;
      }
    }
    throw new AssertionError("it did not come to be within 20 s");
  }

  private static Throwable failureOf(WorkflowStub stub) {
    return assertThrows(WorkflowFailedException.class, () -> stub.getResult(Void.class)).getCause();
  }

  @Test
  void hello() {
    assertEquals("Hello, Temporal!", stub(Workflows.Hello.class).hello("Temporal"));
  }

  @Test
  void retry() {
    assertEquals(3, stub(Workflows.Retry.class).retry(3));
  }

  @Test
  void failure() {
    Workflows.Refusal refusal = stub(Workflows.Refusal.class);
    WorkflowClient.start(refusal::refusal);
    Throwable activity = failureOf(WorkflowStub.fromTyped(refusal));
    ApplicationFailure cause = assertInstanceOf(ApplicationFailure.class, activity.getCause());
    assertEquals("never", cause.getOriginalMessage());
    assertEquals("Refusal", cause.getType());
    assertEquals("why", cause.getDetails().get(0, String.class));
    assertEquals(7, cause.getDetails().get(1, Integer.class));
  }

  @Test
  void signal() {
    Workflows.Counter counter = stub(Workflows.Counter.class);
    WorkflowClient.start(counter::count, 1);
    for (int n = 1; n <= 10; n++) {
      counter.add(n);
    }
    counter.finish();
    assertEquals(56, WorkflowStub.fromTyped(counter).getResult(Integer.class));
  }

  @Test
  void signalWithStart() {
    WorkflowStub counter = client.newUntypedWorkflowStub("Counter", options().build());
    counter.signalWithStart("add", new Object[] {5}, new Object[] {1});
    counter.signal("finish");
    assertEquals(6, counter.getResult(Integer.class));
  }

  @Test
  void query() {
    Workflows.Counter counter = stub(Workflows.Counter.class);
    WorkflowClient.start(counter::count, 3);
    assertEquals(3, counter.total());
    counter.add(4);
    assertEquals(7, counter.total());
    counter.finish();
    assertEquals(7, WorkflowStub.fromTyped(counter).getResult(Integer.class));
    assertEquals(7, counter.total());
  }

  @Test
  void update() {
    Workflows.Counter counter = stub(Workflows.Counter.class);
    WorkflowClient.start(counter::count, 1);
    assertEquals(3, counter.raise(2));
    WorkflowStub untyped = WorkflowStub.fromTyped(counter);
    WorkflowUpdateHandle<Integer> accepted =
        untyped.startUpdate("raise", WorkflowUpdateStage.ACCEPTED, Integer.class, 4);
    assertEquals(7, accepted.getResultAsync().join());
    UpdateOptions<Integer> again =
        UpdateOptions.newBuilder(Integer.class)
            .setUpdateName("raise")
            .setUpdateId(accepted.getId())
            .setWaitForStage(WorkflowUpdateStage.COMPLETED)
            .build();
    assertEquals(7, untyped.startUpdate(again, 100).getResultAsync().join());
    WorkflowUpdateException refused =
        assertThrows(WorkflowUpdateException.class, () -> counter.raise(-1));
    assertTrue(refused.getCause().getMessage().contains("must not be negative"));
    counter.finish();
    assertEquals(7, untyped.getResult(Integer.class));
  }

  @Test
  void updateWithStart() {
    WorkflowOptions start =
        options()
            .setWorkflowIdConflictPolicy(
                WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
            .build();
    Workflows.Counter counter = client.newWorkflowStub(Workflows.Counter.class, start);
    WithStartWorkflowOperation<Integer> operation =
        new WithStartWorkflowOperation<>(counter::count, 10);
    int raised =
        WorkflowClient.executeUpdateWithStart(
            counter::raise,
            5,
            UpdateOptions.newBuilder(Integer.class)
                .setWaitForStage(WorkflowUpdateStage.COMPLETED)
                .build(),
            operation);
    assertEquals(15, raised);
    counter.finish();
    assertEquals(15, operation.getResult());
  }

  @Test
  void child() {
    assertEquals(
        List.of("Hello, a!", "Hello, b!", "Hello, c!"),
        stub(Workflows.Parent.class).parent(List.of("a", "b", "c")));
    assertEquals("never", stub(Workflows.FailingChild.class).failingChild());
  }

  @Test
  void timer() {
    assertTrue(stub(Workflows.Sleeps.class).sleeps(300) >= 300);
  }

  @Test
  void cancellation() throws InterruptedException {
    Workflows.CleansUp cleansUp = stub(Workflows.CleansUp.class);
    WorkflowExecution execution = WorkflowClient.start(cleansUp::cleansUp);
    until(
        () ->
            describe(execution).getPendingActivitiesList().stream()
                .anyMatch(activity -> activity.hasHeartbeatDetails()));
    WorkflowStub.fromTyped(cleansUp).cancel();
    assertInstanceOf(CanceledFailure.class, failureOf(WorkflowStub.fromTyped(cleansUp)));
    List<EventType> types =
        client.fetchHistory(execution.getWorkflowId()).getEvents().stream()
            .map(event -> event.getEventType())
            .toList();
    assertTrue(types.contains(EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED), types.toString());
    assertTrue(types.contains(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED), types.toString());

    Workflows.Sleeps asleep = stub(Workflows.Sleeps.class);
    WorkflowExecution second = WorkflowClient.start(asleep::sleeps, 86_400_000L);
    WorkflowStub.fromTyped(asleep).cancel();
    assertInstanceOf(CanceledFailure.class, failureOf(WorkflowStub.fromTyped(asleep)));
    assertEquals(
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED,
        describe(second).getWorkflowExecutionInfo().getStatus());
  }

  @Test
  void continueAsNew() {
    Workflows.GoesOn goesOn = stub(Workflows.GoesOn.class);
    WorkflowExecution first = WorkflowClient.start(goesOn::goesOn, 4, 0);
    assertEquals(10, WorkflowStub.fromTyped(goesOn).getResult(Integer.class));
    WorkflowExecution last = first.toBuilder().clearRunId().build();
    assertNotEquals(
        first.getRunId(), describe(last).getWorkflowExecutionInfo().getExecution().getRunId());
  }

  @Test
  void terminate() {
    WorkflowStub asleep = WorkflowStub.fromTyped(stub(Workflows.Sleeps.class));
    asleep.start(86_400_000L);
    asleep.terminate("enough");
    assertInstanceOf(TerminatedFailure.class, failureOf(asleep));
  }

  @Test
  void timeout() {
    WorkflowOptions start = options().setWorkflowRunTimeout(Duration.ofSeconds(1)).build();
    WorkflowStub asleep =
        WorkflowStub.fromTyped(client.newWorkflowStub(Workflows.Sleeps.class, start));
    asleep.start(86_400_000L);
    assertInstanceOf(TimeoutFailure.class, failureOf(asleep));
  }

  @Test
  void duplicate() {
    WorkflowOptions start = options().build();
    WorkflowStub first =
        WorkflowStub.fromTyped(client.newWorkflowStub(Workflows.Sleeps.class, start));
    first.start(86_400_000L);
    WorkflowStub second =
        WorkflowStub.fromTyped(client.newWorkflowStub(Workflows.Sleeps.class, start));
    assertThrows(WorkflowExecutionAlreadyStarted.class, () -> second.start(86_400_000L));
    first.terminate("done");
  }
}
