//! The table of costs: each row in turn, round after round, beside the empty handler.

mod baseline;
mod chart;
mod deployment;
mod drain;
mod load;
mod options;
mod rows;
mod scene;
mod table;

use std::fs;

use anyhow::{Context, Result, ensure};
use rig::MariaDb;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::options::Options;
use self::{
    baseline::Baseline,
    deployment::Deployment,
    load::{Clients, Work},
    rows::{FEW, GROUP, Kind, MANY, Place, ROWS},
    scene::{Scene, Size},
    table::{Room, Row, Sample, Table},
};
use crate::{
    http::Request,
    server::Server,
    sql::{Database, Engine, start_mariadb},
};

/// The name of the floor.
const FLOOR: &str = "empty handler (the floor)";
/// The part of the throughput of the closed loop at which the open loop runs.
const OPEN: f64 = 0.6;
/// The part of the messages that the smaller of the two deployments has.
const SMALL: usize = 20;

/// The servers of a run, all of which stay up for all of it.
struct Bench {
    options: Options,
    floor: Server,
    small: (Deployment, Scene),
    large: (Deployment, Scene),
    /// The time since which the servers are filled.
    filled: Instant,
    /// The memory of the API before its first request.
    memory: u64,
    _mariadb: Option<MariaDb>,
}

/// Measures, prints, and does with the table what the options say.
pub(crate) async fn run(options: Options) -> Result<()> {
    let wanted: Vec<_> = ROWS.iter().filter(|row| options.wants(row.name)).collect();
    let drains = options.wants(drain::NAME);
    if let Some(word) = &options.only {
        let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        ensure!(
            drains || !wanted.is_empty(),
            "no row has {word:?} in its name; there are:\n{}\n{}",
            names.join("\n"),
            drain::NAME
        );
    }
    let bench = Bench::start(options).await?;
    let table = bench.measure(&wanted, drains).await?;
    let options = bench.options.clone();
    bench.stop().await?;
    println!("{table}");
    report(&options, &table)
}

impl Bench {
    async fn start(options: Options) -> Result<Self> {
        eprintln!("starting the servers, and filling them");
        let mariadb = match options.sql {
            Engine::Sqlite => None,
            Engine::Mariadb => Some(start_mariadb().await?),
        };
        let database = async || match &mariadb {
            None => Ok::<_, anyhow::Error>(None),
            Some(server) => Ok(Some(Database::fresh(server).await?)),
        };
        let floor = Server::empty().await?;
        let small = Deployment::start("always", database().await?).await?;
        let large = Deployment::start("everysec", database().await?).await?;
        let memory = large.server.resident()?;
        let connections = options.connections();
        let whole = Size {
            chats: options.chats(),
            messages: options.messages(),
            listed: MANY,
            group: GROUP,
        };
        let part = Size {
            chats: 0,
            messages: (whole.messages / SMALL).max(1000),
            listed: FEW,
            group: 0,
        };
        let scene = |on, size: Size| Scene::make(on, size.with_room_for(connections), connections);
        let scenes = async { tokio::try_join!(scene(&small, part), scene(&large, whole)) };
        let (few, many) = scenes.await.context("the servers could not be filled")?;
        Ok(Self {
            options,
            floor,
            small: (small, few),
            large: (large, many),
            filled: Instant::now(),
            memory,
            _mariadb: mariadb,
        })
    }

    /// Measures each row in turn, round after round.
    async fn measure(&self, wanted: &[&Kind], drains: bool) -> Result<Table> {
        let mut rounds: Vec<Vec<Sample>> = Vec::new();
        for round in 1..=self.options.rounds() {
            eprintln!("round {round} of {}", self.options.rounds());
            let mut samples = vec![self.floor().await?];
            for row in wanted {
                let measured = self.row(row).await;
                samples.push(measured.with_context(|| format!("measuring \"{}\"", row.name))?);
            }
            if drains {
                let (on, scene) = &self.large;
                let (messages, connections) = (self.options.drained(), self.options.connections());
                let drained = drain::measure(on, scene, messages, connections).await;
                samples.push(drained.context("measuring the drain")?);
            }
            rounds.push(samples);
        }
        let names = wanted.iter().map(|row| row.name);
        let names = std::iter::once(FLOOR).chain(names);
        let names = names.chain(drains.then_some(drain::NAME));
        let row = |(at, name): (usize, &str)| {
            let own = rounds
                .iter()
                .map(|samples| (samples[at].clone(), samples[0].clone()));
            Row::new(name, &own.collect::<Vec<_>>())
        };
        let mut table = Table {
            scale: self.options.scale(),
            rows: names.enumerate().map(row).collect(),
            rooms: self.rooms()?,
            growths: Vec::new(),
        };
        for row in wanted {
            let law = row
                .law
                .filter(|_| !row.rested || self.options.rest().is_some());
            law.iter().for_each(|law| table.compare(row.name, *law));
        }
        Ok(table)
    }

    async fn floor(&self) -> Result<Sample> {
        let work = Work::Each(vec![Request::get("/hello", "")]);
        let connections = self.options.connections();
        let clients = Clients::connect(&self.floor.address, connections, work, None).await?;
        self.load(&self.floor, clients, async || Ok(())).await
    }

    async fn row(&self, row: &Kind) -> Result<Sample> {
        let (on, scene) = match row.place {
            Place::Small => &self.small,
            Place::Large => &self.large,
        };
        if let Some(rest) = self.options.rest().filter(|_| row.rested) {
            sleep_until(self.filled + rest).await;
        }
        let connections = self.options.connections().min(row.connections);
        let address = &on.server.address;
        let clients = Clients::connect(address, connections, (row.work)(scene), row.items).await?;
        let done = async || on.until_quiet().await;
        self.load(&on.server, clients, done).await
    }

    /// Measures both loops, and the CPU of all operations until the work that they made is done:
    /// that of the flusher, and the notifying of members, is a part of what a send costs.
    async fn load(
        &self,
        server: &Server,
        mut clients: Clients,
        done: impl AsyncFn() -> Result<()>,
    ) -> Result<Sample> {
        let time = self.options.time();
        let before = server.cpu();
        let (operations, per_second) = clients.closed(time).await?;
        let latencies = clients.open(per_second * OPEN, time).await?;
        done().await?;
        let operations = operations + latencies.len();
        Ok(Sample {
            per_second,
            cpu: server.cpu().each(&before, operations as f64),
            latency: Some(latencies.into()),
        })
    }

    /// Returns the room that things take.
    fn rooms(&self) -> Result<Vec<Room>> {
        let (on, scene) = &self.large;
        let rooms = [
            ("SQL, a message", scene.sql_message),
            ("Redis, a hot message", scene.redis_message),
            ("Redis, an idle chat", scene.redis_chat),
            ("memory of the API, at the start", self.memory as f64),
            (
                "memory of the API, at the end",
                on.server.resident()? as f64,
            ),
        ];
        let rooms = rooms.into_iter();
        Ok(rooms
            .filter(|(name, _)| self.options.wants(name))
            .map(|(name, bytes)| Room {
                name: name.to_owned(),
                bytes,
            })
            .collect())
    }

    async fn stop(self) -> Result<()> {
        self.floor.stop().await?;
        self.small.0.server.stop().await?;
        self.large.0.server.stop().await
    }
}

/// Writes the table where it is wanted, and compares it.
fn report(options: &Options, table: &Table) -> Result<()> {
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(table)? + "\n";
        fs::write(file, json).with_context(|| format!("writing {}", file.display()))?;
    }
    if let Some(folder) = &options.svg {
        fs::create_dir_all(folder)?;
        let file = folder.join("costs.svg");
        fs::write(&file, chart::costs(table))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    if options.write_baseline {
        let mut baseline = Baseline::read()?;
        baseline.take(table);
        baseline.write()?;
    }
    if options.check {
        let baseline = Baseline::read()?;
        let mut wrong = baseline.complaints(table, options.only.is_none())?;
        wrong.extend(table.overgrown());
        ensure!(wrong.is_empty(), "worse than before:\n{}", wrong.join("\n"));
    }
    Ok(())
}
