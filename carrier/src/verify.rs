//! `carrier verify`: compares Redis and SQL to the last row. It only reads, and may run beside a
//! system that serves.

use std::{
    hash::{BuildHasher, RandomState},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use hot::Pairing;
use indicatif::{ProgressBar, ProgressStyle};
use model::ChatId;
use serde_json::{Value, json};
use store::{Auditor, Config, Findings};

use crate::{own_redis::OwnRedis, start};

/// The number of chats or users that are compared at the same time.
const AT_ONCE: usize = 8;

/// Settings of `carrier verify`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    data: start::Data,
    /// Check N chats and users, chosen at random, instead of all
    #[arg(long, value_name = "N", conflicts_with = "chat")]
    sample: Option<usize>,
    /// Check only this chat
    #[arg(long, value_name = "ID")]
    chat: Option<ChatId>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The findings of an audit.
#[derive(Default)]
struct AuditReport {
    /// For each kind: its name, the number of chats or users, the number of rows compared.
    checked: Vec<(&'static str, u64, u64)>,
    /// For each chat or user at fault: its kind, its id, what is wrong with it.
    faults: Vec<(&'static str, String, Vec<String>)>,
}

/// Runs `carrier verify`. Fails when anything is at fault.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    // Without URLs, the stores are those that `carrier` without a role runs in the data folder.
    let redis = start::redis_url(&settings.stores)?
        .unwrap_or_else(|| OwnRedis::url_in(&settings.data.data_dir));
    let sql = start::database_url(&settings.stores)?.unwrap_or_else(|| settings.data.sqlite_url());
    let hot = start::connect_hot(&settings.stores, &redis).await?;
    let cold = start::connect_cold(&sql).await?;
    let incarnation = cold
        .incarnation()
        .await
        .context("the database has no schema yet; run `carrier migrate up`")?
        .unwrap_or_default();
    if let Pairing::Other(other) = hot.pairing(&incarnation).await? {
        bail!(
            "Redis belongs to another database, of incarnation {other}; this one is {incarnation}"
        );
    }
    let auditor = Auditor::new(hot.clone(), cold);
    let mut report = AuditReport::default();
    match settings.chat {
        Some(chat) => {
            report
                .check("chat", vec![chat], async |id| auditor.chat(id).await)
                .await?
        }
        None => {
            let chats = sample(auditor.chats().await?, settings.sample);
            report
                .check("chat", chats, async |id| auditor.chat(id).await)
                .await?;
            let users = sample(auditor.users().await?, settings.sample);
            report
                .check("user", users, async |id| auditor.user(id).await)
                .await?;
            report
                .check("names", vec!["all"], async |_| auditor.names().await)
                .await?;
        }
    }
    hot.close().await;
    if settings.json {
        say!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(if report.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl AuditReport {
    /// Audits each of `ids`, with a progress bar.
    async fn check<I: ToString + Copy>(
        &mut self,
        what: &'static str,
        ids: Vec<I>,
        audit: impl AsyncFn(I) -> store::Result<Findings>,
    ) -> Result<()> {
        // The bar hides itself when the output is not a terminal.
        let bar = ProgressBar::new(ids.len() as u64).with_prefix(what);
        bar.set_style(
            ProgressStyle::with_template(
                "{prefix:6} {wide_bar} {human_pos}/{human_len} {eta:>5} {msg}",
            )
            .expect("a template"),
        );
        let (count, mut rows) = (ids.len() as u64, 0);
        let audit = &audit;
        let mut found = stream::iter(ids)
            .map(|id| async move { (id, audit(id).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((id, findings)) = found.next().await {
            let Findings { rows: more, faults } =
                findings.with_context(|| format!("{what} {}", id.to_string()))?;
            rows += more;
            bar.inc(1);
            if !faults.is_empty() {
                self.faults.push((what, id.to_string(), faults));
                bar.set_message(format!("{} at fault", self.faults.len()));
            }
        }
        bar.finish_and_clear();
        self.checked.push((what, count, rows));
        Ok(())
    }

    /// Prints the report for people.
    fn print(&self) {
        for (what, id, faults) in &self.faults {
            say!("WRONG {what} {id}");
            for fault in faults {
                say!("      {fault}");
            }
        }
        for (what, count, rows) in &self.checked {
            let wrong = self
                .faults
                .iter()
                .filter(|(other, ..)| other == what)
                .count();
            say!("{what:6} {count:>9} checked, {rows:>11} rows compared, {wrong} at fault");
        }
        if self.faults.is_empty() {
            say!("no problems found");
        }
    }

    /// Returns the report as JSON.
    fn json(&self) -> Value {
        let checked: serde_json::Map<_, _> = self
            .checked
            .iter()
            .map(|(what, count, rows)| {
                (
                    (*what).to_owned(),
                    json!({ "looked_at": count, "rows": rows }),
                )
            })
            .collect();
        let faults: Vec<_> = self
            .faults
            .iter()
            .map(|(what, id, faults)| json!({ "kind": what, "id": id, "faults": faults }))
            .collect();
        json!({ "looked_at": checked, "faults": faults, "well": faults.is_empty() })
    }
}

/// Returns `size` of the ids, chosen at random; all of them without a size.
fn sample<I: std::hash::Hash + Copy>(mut ids: Vec<I>, size: Option<usize>) -> Vec<I> {
    if let Some(size) = size {
        let random = RandomState::new();
        ids.sort_by_cached_key(|id| random.hash_one(id));
        ids.truncate(size);
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_as_many_as_asked_for_and_each_once() {
        let ids: Vec<u32> = (0..100).collect();
        assert_eq!(sample(ids.clone(), None), ids);
        assert_eq!(sample(ids.clone(), Some(200)).len(), 100);
        let mut some = sample(ids, Some(10));
        some.sort_unstable();
        some.dedup();
        assert_eq!(some.len(), 10);
    }

    #[test]
    fn the_report_is_well_only_without_faults() {
        let mut report = AuditReport::default();
        report.checked.push(("chat", 2, 30));
        assert_eq!(report.json()["well"], true);
        report
            .faults
            .push(("chat", "c".into(), vec!["lost".into()]));
        let json = report.json();
        assert_eq!(json["well"], false);
        assert_eq!(json["looked_at"]["chat"]["rows"], 30);
        assert_eq!(
            json["faults"],
            json!([{ "kind": "chat", "id": "c", "faults": ["lost"] }])
        );
    }
}
