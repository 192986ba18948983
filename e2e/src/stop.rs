//! Stops a script in its middle: the commands before stay done, as when an error ends it.

use hot::Verb;

use crate::{Options, Stack};

impl Options {
    /// Makes each script that writes ask, before each of its `redis.call`s, whether to stop there;
    /// see [`Stack::at_each_step`]. Uses one Redis: all scripts ask the same key, and in a cluster
    /// only one node has it.
    pub fn stoppable(self) -> Self {
        self.on_one_redis().altered(|verb, source| {
            let (shebang, body) = source
                .split_once('\n')
                .expect("a script begins with its flags");
            if shebang.contains("no-writes") {
                return source; // it can leave nothing half done
            }
            let stop = key(verb);
            let body = body.replace("redis.call(", "e2e_step(");
            format!(
                "{shebang}
local e2e_call, e2e_at, e2e_stop = redis.call, 0, tonumber(redis.call('GET', '{stop}') or 0)
local function e2e_step(...)
  e2e_at = e2e_at + 1
  if e2e_at == e2e_stop then
    e2e_call('DEL', '{stop}')
    error('stopped by the test')
  end
  return e2e_call(...)
end
{body}"
            )
        })
    }
}

impl Stack {
    /// Stops the next run of this verb before its `redis.call` number `step`, counted from 1, if it
    /// comes so far.
    pub async fn stop_at(&self, verb: Verb, step: usize) {
        assert_eq!(
            self.redis
                .cli(&["SET", &key(verb), &step.to_string()])
                .await,
            "OK"
        );
    }

    /// Stops a verb at each of its steps in turn: calls `prepare` with the number of the step, then
    /// `act` on its result, with the first run of the verb stopped there. Ends with one `act` that
    /// is not stopped.
    pub async fn at_each_step<T>(
        &self,
        verb: Verb,
        mut prepare: impl AsyncFnMut(usize) -> T,
        mut act: impl AsyncFnMut(T),
    ) {
        for step in 1.. {
            let prepared = prepare(step).await;
            self.stop_at(verb, step).await;
            act(prepared).await;
            if self.redis.cli(&["DEL", &key(verb)]).await == "1" {
                assert!(
                    step > 1,
                    "{} was never stopped: it did not run",
                    verb.name()
                );
                return;
            }
        }
    }
}

fn key(verb: Verb) -> String {
    format!("e2e:stop:{}", verb.name())
}
