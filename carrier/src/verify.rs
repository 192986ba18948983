//! `carrier verify`: do Redis and SQL agree, to the last row? It may be asked of a system that runs, and only reads.

use std::{
    hash::{BuildHasher, RandomState},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use hot::Belongs;
use indicatif::{ProgressBar, ProgressStyle};
use model::ChatId;
use serde_json::{Value, json};
use store::{Auditor, Config, Findings};

use crate::{own_redis::OwnRedis, start};

/// How many are looked at at once.
const AT_ONCE: usize = 8;

/// Settings of `carrier verify`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    data: start::Data,
    /// Look at so many chats and users, chosen at random, instead of all
    #[arg(long, value_name = "N", conflicts_with = "chat")]
    sample: Option<usize>,
    /// Look at this chat alone
    #[arg(long, value_name = "ID")]
    chat: Option<ChatId>,
    /// Tell what was found as JSON
    #[arg(long)]
    json: bool,
}

/// What was found so far.
#[derive(Default)]
struct Report {
    looked_at: Vec<(&'static str, u64, u64)>,
    faults: Vec<(&'static str, String, Vec<String>)>,
}

pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    // Unless it is told, it looks at what `carrier` alone runs in the data folder.
    let redis = start::redis_url(&settings.stores)?.unwrap_or_else(|| OwnRedis::url_in(&settings.data.data_dir));
    let sql = start::database_url(&settings.stores)?.unwrap_or_else(|| settings.data.sqlite_url());
    let hot = start::connect_hot(&settings.stores, &redis).await?;
    let cold = start::connect_cold(&sql).await?;
    let incarnation = cold.incarnation().await.context("the database has no schema yet; run `carrier migrate up`")?.unwrap_or_default();
    if let Belongs::ToAnother(other) = hot.belongs(&incarnation).await? {
        bail!("Redis belongs to another database: incarnation {other}, this one has {incarnation}");
    }
    let auditor = Auditor::new(hot.clone(), cold);
    let mut report = Report::default();
    match settings.chat {
        Some(chat) => report.look("chat", vec![chat], async |id| auditor.chat(id).await).await?,
        None => {
            let chats = some(auditor.chats().await?, settings.sample);
            report.look("chat", chats, async |id| auditor.chat(id).await).await?;
            let users = some(auditor.users().await?, settings.sample);
            report.look("user", users, async |id| auditor.user(id).await).await?;
            report.look("names", vec!["all"], async |_| auditor.names().await).await?;
        }
    }
    hot.close().await;
    if settings.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Report {
    /// Looks at each of these.
    async fn look<I: ToString + Copy>(
        &mut self,
        what: &'static str,
        ids: Vec<I>,
        look: impl AsyncFn(I) -> store::Result<Findings>,
    ) -> Result<()> {
        // Hidden by itself when nobody looks: when it is no terminal.
        let bar = ProgressBar::new(ids.len() as u64).with_prefix(what);
        bar.set_style(ProgressStyle::with_template("{prefix:6} {wide_bar} {human_pos}/{human_len} {eta:>5} {msg}").expect("a template"));
        let (count, mut rows) = (ids.len() as u64, 0);
        let look = &look;
        let mut found = stream::iter(ids).map(|id| async move { (id, look(id).await) }).buffer_unordered(AT_ONCE);
        while let Some((id, findings)) = found.next().await {
            let Findings { rows: more, faults } = findings.with_context(|| format!("{what} {}", id.to_string()))?;
            rows += more;
            bar.inc(1);
            if !faults.is_empty() {
                self.faults.push((what, id.to_string(), faults));
                bar.set_message(format!("{} at fault", self.faults.len()));
            }
        }
        bar.finish_and_clear();
        self.looked_at.push((what, count, rows));
        Ok(())
    }

    fn print(&self) {
        for (what, id, faults) in &self.faults {
            println!("WRONG {what} {id}");
            for fault in faults {
                println!("      {fault}");
            }
        }
        for (what, count, rows) in &self.looked_at {
            let wrong = self.faults.iter().filter(|(other, ..)| other == what).count();
            println!("{what:6} {count:>9} looked at, {rows:>11} rows compared, {wrong} at fault");
        }
        if self.faults.is_empty() {
            println!("all is well");
        }
    }

    fn json(&self) -> Value {
        let looked_at: serde_json::Map<_, _> =
            self.looked_at.iter().map(|(what, count, rows)| ((*what).to_owned(), json!({ "looked_at": count, "rows": rows }))).collect();
        let faults: Vec<_> = self.faults.iter().map(|(what, id, faults)| json!({ "kind": what, "id": id, "faults": faults })).collect();
        json!({ "looked_at": looked_at, "faults": faults, "well": faults.is_empty() })
    }
}

/// So many of them, chosen at random; all without a number.
fn some<I: std::hash::Hash + Copy>(mut ids: Vec<I>, sample: Option<usize>) -> Vec<I> {
    if let Some(sample) = sample {
        let random = RandomState::new();
        ids.sort_by_cached_key(|id| random.hash_one(id));
        ids.truncate(sample);
    }
    ids
}
