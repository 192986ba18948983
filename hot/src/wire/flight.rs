//! Calls of one verb that go to Redis together: those that come while others are under way wait for
//! an answer of these, and then go in one script, as in a group commit. One that comes alone goes
//! at once. Each is atomic by itself, and fails by itself.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use fred::{
    types::{Key, Value},
    util::redis_keyslot,
};
use futures_util::future::join_all;
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use super::{
    Call, Error, Hot, Reply, Result, Verb,
    meter::{charge_call, charge_reads, size},
};

/// The number of groups that are under way at once.
const GROUPS: usize = 4;
/// The most calls in a group. Nobody else is served while it runs: a third of a millisecond.
const TOGETHER: usize = 16;
/// The most calls of [`Hot::run_each`] in a script: small reads, of some microsecond each.
const EACH: usize = 256;

/// The keys and arguments of a call.
type Parts = (Vec<Key>, Vec<Value>);

/// The calls by their verb. Clones of a connection share them.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Verb, Queue>>);

#[derive(Default)]
struct Queue {
    under_way: usize,
    waiting: VecDeque<(Parts, oneshot::Sender<Result<Value>>)>,
}

/// A place among the groups that are under way. Whoever waits takes it over when it ends, however
/// it ends.
struct Place {
    hot: Hot,
    verb: Verb,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (mut calls, mut answers) = (Vec::new(), Vec::new());
        {
            let mut flights = self.hot.flights.lock();
            let queue = flights.entry(self.verb).or_default();
            while calls.len() < TOGETHER
                && let Some((call, answer)) = queue.waiting.pop_front()
            {
                // Whoever has stopped waiting does not want it done any more.
                if !answer.is_closed() {
                    calls.push(call);
                    answers.push(answer);
                }
            }
            if calls.is_empty() {
                queue.under_way -= 1;
                return;
            }
        }
        let place = Self {
            hot: self.hot.clone(),
            verb: self.verb,
        };
        runtime.spawn(async move {
            let results = place.hot.run_group(place.verb, calls).await;
            for (answer, result) in answers.into_iter().zip(results) {
                answer.send(result).ok();
            }
        });
    }
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, HashMap<Verb, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hot {
    /// Runs a verb once, together with other calls of it that come meanwhile.
    pub(crate) async fn run_together<C: Call>(&self, call: C) -> Result<Reply> {
        let (keys, args) = call.parts();
        let sent: usize = args.iter().map(size).sum();
        let once = || self.take_off(C::VERB, (keys.clone(), args.clone()));
        let result = self.with_marks(once().await, once).await;
        charge_call(sent + result.as_ref().map_or(0, size));
        Ok(self.reply(C::VERB, result?))
    }

    /// Runs calls of a verb, many in one script, and returns their values: those of one slot
    /// together in a cluster.
    ///
    /// # Errors
    /// Fails when one of them does.
    pub(crate) async fn run_each<C: Call>(&self, calls: Vec<C>) -> Result<Vec<Value>> {
        let count = calls.len();
        let mut groups: BTreeMap<u16, Vec<(usize, Parts)>> = BTreeMap::new();
        for (at, call) in calls.into_iter().enumerate() {
            let parts = call.parts();
            let slot = match parts.0.first().filter(|_| self.is_cluster()) {
                Some(key) => redis_keyslot(key.as_bytes()),
                None => 0,
            };
            groups.entry(slot).or_default().push((at, parts));
        }
        let groups = groups.into_values().flat_map(|mut group| {
            let mut some = Vec::new();
            while !group.is_empty() {
                let rest = group.split_off(group.len().min(EACH));
                some.push(std::mem::replace(&mut group, rest));
            }
            some
        });
        let run = |group: Vec<(usize, Parts)>| async move {
            let (places, calls): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            let results = self.run_group(C::VERB, calls).await;
            places.into_iter().zip(results).collect::<Vec<_>>()
        };
        charge_reads(count);
        let mut values = vec![Value::Null; count];
        for (place, result) in join_all(groups.map(run)).await.into_iter().flatten() {
            values[place] = result?;
        }
        Ok(values)
    }

    /// Runs calls of a verb in one script, and returns the reply of each: in a cluster their keys
    /// have to be in one slot.
    pub(crate) async fn run_as_one<C: Call>(&self, calls: Vec<C>) -> Vec<Result<Reply>> {
        let calls: Vec<_> = calls.into_iter().map(Call::parts).collect();
        let results = self.run_group(C::VERB, calls.clone()).await;
        let mut replies = Vec::with_capacity(results.len());
        for (call, result) in calls.into_iter().zip(results) {
            let again = || self.run_alone(C::VERB, call.clone());
            let result = self.with_marks(result, again).await;
            replies.push(result.map(|value| self.reply(C::VERB, value)));
        }
        replies
    }

    async fn take_off(&self, verb: Verb, call: Parts) -> Result<Value> {
        // In a cluster the keys of two calls are in different slots.
        if self.is_cluster() {
            return self.run_alone(verb, call).await;
        }
        let answer = {
            let mut flights = self.flights.lock();
            let queue = flights.entry(verb).or_default();
            if queue.under_way < GROUPS {
                queue.under_way += 1;
                Err(call)
            } else {
                let (sender, answer) = oneshot::channel();
                queue.waiting.push_back((call, sender));
                Ok(answer)
            }
        };
        match answer {
            // Those before it may all wait for a Redis that does not answer.
            Ok(answer) => match timeout(self.options.command_timeout, answer).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) | Err(_) => Err(lost()),
            },
            Err(call) => {
                let _place = Place {
                    hot: self.clone(),
                    verb,
                };
                self.run_alone(verb, call).await
            }
        }
    }

    async fn run_alone(&self, verb: Verb, call: Parts) -> Result<Value> {
        let mut results = self.run_group(verb, vec![call]).await;
        results.pop().unwrap_or_else(|| Err(lost()))
    }

    /// Runs calls in one script, and returns the result of each.
    async fn run_group(&self, verb: Verb, calls: Vec<Parts>) -> Vec<Result<Value>> {
        let count = calls.len();
        let (mut all_keys, mut all_args) = (Vec::new(), Vec::new());
        for (keys, args) in calls {
            all_keys.extend(keys);
            all_args.push(Value::Integer(
                i64::try_from(args.len()).unwrap_or(i64::MAX),
            ));
            all_args.extend(args);
        }
        let replies = match self.evaluate(verb, all_keys, all_args).await {
            Ok(replies) => replies.into_array(),
            Err(error) => return vec![Err(error); count],
        };
        let mut results: Vec<_> = replies
            .into_iter()
            .map(|reply| one_of(verb, reply))
            .collect();
        results.resize_with(count, || Err(lost()));
        results
    }
}

/// Returns the result of one of the calls.
fn one_of(verb: Verb, reply: Value) -> Result<Value> {
    match &reply {
        Value::Array(values) if values.first().and_then(Value::as_bytes) == Some(b"FAILED") => {
            let what = values.get(1).and_then(Value::as_string).unwrap_or_default();
            let error = fred::error::Error::new(fred::error::ErrorKind::Unknown, what);
            Err(Error::of(verb.name(), error))
        }
        _ => Ok(reply),
    }
}

/// The error of a call of which nobody knows whether it was done.
fn lost() -> Error {
    let kind = fred::error::ErrorKind::Canceled;
    Error::Unavailable(fred::error::Error::new(kind, "the call was lost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_failed_has_its_own_error() {
        let reply = |word: &str, rest: &str| Value::Array(vec![word.into(), rest.into()]);
        let well = one_of(Verb::Append, reply("OK", "{}")).expect("it is well");
        assert_eq!(well, reply("OK", "{}"));
        let refused = one_of(Verb::Append, reply("FAILED", "ERR user_script: stopped"));
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
        let full = one_of(Verb::Append, reply("FAILED", "OOM command not allowed"));
        assert!(matches!(full, Err(Error::Full)), "{full:?}");
    }
}
