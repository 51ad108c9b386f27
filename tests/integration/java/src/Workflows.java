// Workflows.java - the workflows that the tests run.
import io.temporal.activity.ActivityCancellationType;
import io.temporal.activity.ActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.ChildWorkflowFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.Promise;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

public final class Workflows {
  private Workflows() {}

  static final Class<?>[] ALL = {
    Hello.Impl.class,
    Retry.Impl.class,
    Refusal.Impl.class,
    Counter.Impl.class,
    Parent.Impl.class,
    FailingChild.Impl.class,
    Sleeps.Impl.class,
    CleansUp.Impl.class,
    GoesOn.Impl.class,
  };

  static Activities activities() {
    return Workflow.newActivityStub(
        Activities.class,
        ActivityOptions.newBuilder()
            .setStartToCloseTimeout(Duration.ofSeconds(20))
            .setHeartbeatTimeout(Duration.ofSeconds(10))
            .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
            .setRetryOptions(
                RetryOptions.newBuilder()
                    .setInitialInterval(Duration.ofMillis(50))
                    .setBackoffCoefficient(1)
                    .build())
            .build());
  }

  @WorkflowInterface
  public interface Hello {
    @WorkflowMethod
    String hello(String name);

    class Impl implements Hello {
      @Override
      public String hello(String name) {
        return activities().greet(name);
      }
    }
  }

  @WorkflowInterface
  public interface Retry {
    @WorkflowMethod
    int retry(int succeedsAt);

    class Impl implements Retry {
      @Override
      public int retry(int succeedsAt) {
        return activities().flaky(succeedsAt);
      }
    }
  }

  @WorkflowInterface
  public interface Refusal {
    @WorkflowMethod
    void refusal();

    class Impl implements Refusal {
      @Override
      public void refusal() {
        activities().refuses();
      }
    }
  }

  /** A sum that signals and updates change, until it is told to finish. */
  @WorkflowInterface
  public interface Counter {
    @WorkflowMethod
    int count(int initial);

    @SignalMethod
    void add(int n);

    @SignalMethod
    void finish();

    @QueryMethod
    int total();

    @UpdateMethod
    int raise(int n);

    @UpdateValidatorMethod(updateName = "raise")
    void mayRaise(int n);

    class Impl implements Counter {
      private int sum;
      private boolean done;

      @Override
      public int count(int initial) {
        sum += initial;
        Workflow.await(() -> done && Workflow.isEveryHandlerFinished());
        return sum;
      }

      @Override
      public void add(int n) {
        sum += n;
      }

      @Override
      public void finish() {
        done = true;
      }

      @Override
      public int total() {
        return sum;
      }

      @Override
      public int raise(int n) {
        Workflow.sleep(Duration.ofMillis(10));
        sum += n;
        return sum;
      }

      @Override
      public void mayRaise(int n) {
        if (n < 0) {
          throw new IllegalArgumentException("must not be negative");
        }
      }
    }
  }

  @WorkflowInterface
  public interface Parent {
    @WorkflowMethod
    List<String> parent(List<String> names);

    class Impl implements Parent {
      @Override
      public List<String> parent(List<String> names) {
        List<Promise<String>> started = new ArrayList<>();
        for (String name : names) {
          started.add(Async.function(Workflow.newChildWorkflowStub(Hello.class)::hello, name));
        }
        Promise.allOf(started).get();
        List<String> results = new ArrayList<>();
        for (Promise<String> one : started) {
          results.add(one.get());
        }
        return results;
      }
    }
  }

  @WorkflowInterface
  public interface FailingChild {
    @WorkflowMethod
    String failingChild();

    class Impl implements FailingChild {
      @Override
      public String failingChild() {
        try {
          Workflow.newChildWorkflowStub(Refusal.class).refusal();
          return "no failure";
        } catch (ChildWorkflowFailure e) {
          return ((ApplicationFailure) e.getCause().getCause()).getOriginalMessage();
        }
      }
    }
  }

  @WorkflowInterface
  public interface Sleeps {
    @WorkflowMethod
    long sleeps(long milliseconds);

    class Impl implements Sleeps {
      @Override
      public long sleeps(long milliseconds) {
        long before = Workflow.currentTimeMillis();
        Workflow.sleep(Duration.ofMillis(milliseconds));
        return Workflow.currentTimeMillis() - before;
      }
    }
  }

  /** Cleans up when it is cancelled; the SDK then ends it as cancelled, whatever it returns. */
  @WorkflowInterface
  public interface CleansUp {
    @WorkflowMethod
    void cleansUp();

    class Impl implements CleansUp {
      @Override
      public void cleansUp() {
        try {
          activities().waitsForCancel();
        } catch (ActivityFailure e) {
          if (!(e.getCause() instanceof CanceledFailure)) {
            throw e;
          }
          Workflow.newDetachedCancellationScope(() -> activities().greet("cleaned up")).run();
        }
      }
    }
  }

  @WorkflowInterface
  public interface GoesOn {
    @WorkflowMethod
    int goesOn(int left, int sum);

    class Impl implements GoesOn {
      @Override
      public int goesOn(int left, int sum) {
        if (left > 0) {
          Workflow.newContinueAsNewStub(GoesOn.class).goesOn(left - 1, sum + left);
        }
        return sum;
      }
    }
  }
}
