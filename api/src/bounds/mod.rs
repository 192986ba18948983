//! Bounds on what one account may have done. Uses no other module.

/// The answers that an account has under way.
pub(crate) mod answers;
/// What sessions owe to the budgets of their accounts.
pub(crate) mod debts;
/// The costly work that an account has done at the same time.
pub(crate) mod turns;
