//! The commits that SQL must have to be read from.
//!
//! A statement may be answered by a node that lags: a replica behind a proxy that splits reads from
//! writes, or a node of a Galera cluster. What left Redis because SQL has it may be missing there,
//! so a read is believed only together with the commits of the same node.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use entity::{commit, message};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, PaginatorTrait, QueryFilter, RuntimeErr, Select, TransactionTrait,
    sea_query::{Expr, Value},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
};

use crate::{Cold, Result, connect::Bounded};

/// The longest wait for a node that lags.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time before the first look at a node that lags; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest time between two looks.
const MAX_PAUSE: Duration = Duration::from_millis(320);

/// The lowest number that each writer of SQL must have reached.
pub type Floor = Arc<BTreeMap<String, i64>>;

/// A function that returns the floor of the moment.
pub(crate) type FloorNow = Arc<dyn Fn() -> Floor + Send + Sync>;

impl Cold {
    /// Returns the same reader, which believes no node of SQL that lacks a commit that `floor`
    /// returns when a read begins.
    pub fn not_below(mut self, floor: impl Fn() -> Floor + Send + Sync + 'static) -> Self {
        self.db.floor = Some(Arc::new(floor));
        self
    }

    pub(crate) fn without_floor(&self) -> Self {
        let db = self.db.without_floor();
        Self { db }
    }

    /// Returns a reader all of whose reads are of one node, and at least as new as the floor is
    /// now.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached, or only nodes that lag.
    pub async fn on_one_node(&self) -> Result<Self> {
        let floor = self.db.floor();
        let transaction = self.db.within(begin_above(&self.db, &floor)).await?;
        let db = self.db.inside(transaction);
        Ok(Self { db })
    }

    /// Loads messages: where there are some, with one statement.
    pub(crate) async fn messages(
        &self,
        query: Select<message::Entity>,
    ) -> Result<Vec<message::Model>> {
        let floor = self.db.floor();
        if !floor.is_empty() {
            let query = query.clone().filter(is_met(&floor));
            let found = query.all(&self.db.without_floor()).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        query.all(&self.db).await
    }
}

/// Begins a transaction on a node that has all commits of the floor. A proxy that splits reads from
/// writes sends a transaction to the primary; with any other, the node is waited for.
pub(crate) async fn begin_above(db: &Bounded, floor: &Floor) -> Result<DatabaseTransaction> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let transaction = db.pool.begin().await?;
        if floor.is_empty() || has_all(&transaction, floor).await? {
            return Ok(transaction);
        }
        transaction.rollback().await?;
        let caught_up = timeout_at(deadline, db.lag.wait(floor)).await;
        caught_up.unwrap_or_else(|_| Err(lags()))?;
    }
}

/// Returns the error of an SQL of which only nodes answer that lag: to its readers it is away.
fn lags() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(
        "the node that answers lags behind: it lacks commits that SQL has".to_owned(),
    ))
}

/// The wait for a node that lags. However many readers wait, one of them looks at a time, and the
/// looks are charged to nobody.
pub(crate) struct LagWait {
    /// The pool, without an observer.
    pool: DatabaseConnection,
    looks: Mutex<()>,
}

impl LagWait {
    pub(crate) fn new(pool: &DatabaseConnection) -> Self {
        Self {
            pool: pool.clone(),
            looks: Mutex::default(),
        }
    }

    /// Waits until a node answers that has all commits of the floor.
    async fn wait(&self, floor: &Floor) -> Result<()> {
        let _turn = self.looks.lock().await;
        let mut pause = FIRST_PAUSE;
        loop {
            sleep(pause).await;
            let node = self.pool.begin().await?;
            if has_all(&node, floor).await? {
                return node.rollback().await;
            }
            node.rollback().await?;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }
}

async fn has_all(node: &impl ConnectionTrait, floor: &Floor) -> Result<bool> {
    let met = commit::Entity::find().filter(met(floor)).count(node);
    Ok(met.await? == floor.len() as u64)
}

/// Returns the condition on the row of a writer who has reached the floor.
fn met(floor: &Floor) -> Condition {
    let reached = |(writer, number): (&String, &i64)| {
        Condition::all()
            .add(commit::Column::Writer.eq(writer))
            .add(commit::Column::Number.gte(*number))
    };
    floor
        .iter()
        .map(reached)
        .fold(Condition::any(), Condition::add)
}

/// Returns the condition that the node which answers has all commits of the floor.
fn is_met(floor: &Floor) -> Expr {
    let one = "(writer = ? AND number >= ?)";
    let any = vec![one; floor.len()].join(" OR ");
    let values = floor
        .iter()
        .flat_map(|(writer, number)| [Value::from(writer.as_str()), Value::from(*number)]);
    let count = floor.len();
    Expr::cust_with_values(
        format!("(SELECT COUNT(*) FROM commits WHERE {any}) = {count}"),
        values,
    )
}
