// Activities.java - what the workers of the tests do outside their workflows.
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityInterface;
import io.temporal.failure.ApplicationFailure;

@ActivityInterface
public interface Activities {
  String greet(String name);

  /** Fails until its attempt number `succeedsAt`. */
  int flaky(int succeedsAt);

  void refuses();

  /** Heartbeats until that tells that it is cancelled. */
  void waitsForCancel();

  class Impl implements Activities {
    @Override
    public String greet(String name) {
      return "Hello, " + name + "!";
    }

    @Override
    public int flaky(int succeedsAt) {
      int attempt = Activity.getExecutionContext().getInfo().getAttempt();
      if (attempt < succeedsAt) {
        throw new IllegalStateException("attempt " + attempt + " fails");
      }
      return attempt;
    }

    @Override
    public void refuses() {
      throw ApplicationFailure.newNonRetryableFailure("never", "Refusal", "why", 7);
    }

    @Override
    public void waitsForCancel() {
      try {
        for (int beat = 0; ; beat++) {
          Activity.getExecutionContext().heartbeat(beat);
          Thread.sleep(100);
        }
      } catch (InterruptedException e) {
        throw Activity.wrap(e);
      }
    }
  }
}
