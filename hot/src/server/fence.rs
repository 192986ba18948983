//! Loads the scripts into a Redis that is proven to be as new as SQL, and takes them out of one
//! that is not.

use fred::types::Value;

use super::facts::field;
use crate::wire::{Error, Hot, Result, arg, text};

impl Hot {
    /// Puts up the fence: no script runs in a Redis that does not know it, until
    /// [`load_scripts`](Self::load_scripts).
    pub fn put_up_fence(&self) {
        self.fence.put_up();
    }

    /// True when Redis was proven to be as new as SQL, and nothing gave reason to doubt it since.
    pub fn is_certain(&self) -> bool {
        self.fence.is_certain()
    }

    /// Waits until a script met a Redis that does not know it.
    pub async fn question(&self) {
        self.fence.question().await;
    }

    /// Returns the number of questions so far, to be answered by a comparison that begins now.
    pub fn questions(&self) -> u64 {
        self.fence.asked()
    }

    /// Lets those go on who asked the first `asked` questions. `proven`: the
    /// [`identity`](Self::identity) of the Redis that is as new as SQL.
    pub fn answer(&self, asked: u64, proven: Option<String>) {
        self.fence.answer(asked, proven);
    }

    /// True when every node knows all scripts.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn knows_scripts(&self) -> Result<bool> {
        let sha = self.options.scripts.sha_of_all();
        let known = self
            .everywhere("SCRIPT", vec![arg("EXISTS"), arg(sha)])
            .await?;
        let is_one = |answer: Value| answer.into_array().first().and_then(Value::as_i64) == Some(1);
        Ok(known.into_iter().all(is_one))
    }

    /// Makes every node know all scripts.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: some may be known.
    pub async fn load_scripts(&self) -> Result<()> {
        for source in self.options.scripts.all() {
            self.everywhere("SCRIPT", vec![arg("LOAD"), arg(source)])
                .await?;
        }
        Ok(())
    }

    /// Makes every node forget all scripts.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: some may be forgotten.
    pub async fn forget_scripts(&self) -> Result<()> {
        self.everywhere("SCRIPT", vec![arg("FLUSH")])
            .await
            .map(drop)
    }

    /// Returns which processes Redis is: another text once one was started again, or went on with
    /// the history of another.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Unproven` when a node is only a
    /// replica by now.
    pub async fn identity(&self) -> Result<String> {
        let args = vec![arg("server"), arg("replication")];
        let of_primary = |info: Value| {
            let info = text(info);
            match field(&info, "role") {
                Some("slave") => Err(Error::Unproven),
                _ => Ok(super::durability_barrier::identity(&info)),
            }
        };
        let nodes = self.everywhere("INFO", args).await?.into_iter();
        let mut nodes = nodes.map(of_primary).collect::<Result<Vec<String>>>()?;
        nodes.sort();
        Ok(nodes.concat())
    }
}
