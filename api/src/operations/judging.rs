//! The verdicts of the operator's hook on texts that are sent or edited.

use std::borrow::Cow;

use model::{
    ChatId, ChatKind, Draft, Message, MessageKind, ProblemCode, Tick, UserId, merge_metadata,
};
use store::{Membership, MessageEdit, SendOutcome};

use crate::{
    hook::{Event, Hook, Place, Proposal, Question, Sender, Verdict},
    request::{auth::Caller, characters::plain_line, validate::Rules},
    response::problem::Problem,
};

/// Characters of the reason of a refusal.
const MAX_REASON: usize = 300;

/// Sends a message that the hook lets through, with the body that it gives it. A message that was
/// sent before is the answer and not judged again, even to another text under its `client_id`:
/// nobody remembers the text that the hook has changed.
pub(super) async fn send(
    caller: &Caller,
    hook: &Hook,
    draft: Draft<'_>,
) -> Result<SendOutcome, Problem> {
    let (store, own) = (&caller.state.store, caller.own(draft.chat_id));
    let (kind, first) = store.find_sent(own, draft.client_id).await?;
    if let Some(first) = first {
        return Ok(first);
    }
    let sent = async {
        let given = judge(caller, hook, question_of(&draft, kind)).await?;
        let body = given.as_deref().unwrap_or(draft.body);
        let draft = Draft {
            body,
            ..draft.clone()
        };
        Ok::<_, Problem>(store.send(draft).await?)
    };
    match sent.await {
        // Another try of the same may have come to another verdict, and be there by now.
        Err(problem) if is_of_verdict(&problem) && draft.client_id.is_some() => {
            let (_, first) = store.find_sent(own, draft.client_id).await?;
            first.ok_or(problem)
        }
        answer => answer,
    }
}

/// Has the text judged that an edit makes of a message, and gives the edit the body that the hook
/// gives it. An edit that changes neither text nor metadata is not judged, nor one that nobody may
/// make.
pub(super) async fn edit(
    caller: &Caller,
    hook: &Hook,
    (own, id): (Membership, Tick),
    edit: &mut MessageEdit,
) -> Result<(), Problem> {
    if edit.body.is_none() && edit.subject.is_none() && edit.metadata.is_none() {
        return Ok(());
    }
    let store = &caller.state.store;
    let message = store.message(own, id).await?;
    let is_refused = message.sender_id != own.user
        || message.kind == MessageKind::System
        || message.deleted == Some(true);
    if is_refused {
        return Ok(()); // by the edit itself
    }
    let (kind, _) = store.find_sent(own, None).await?;
    let body = judge(caller, hook, question_of_edit(&message, edit, kind)?).await?;
    edit.body = body.or(edit.body.take());
    Ok(())
}

/// A question without its author.
struct Unsigned<'a> {
    event: Event,
    chat: Place,
    message: Proposal<'a>,
}

fn question_of<'a>(draft: &Draft<'a>, kind: ChatKind) -> Unsigned<'a> {
    Unsigned {
        event: Event::Create,
        chat: place(draft.chat_id, kind),
        message: Proposal {
            id: None,
            body: draft.body,
            subject: draft.subject,
            reply_to: draft.reply_to.map(|reply| reply.id),
            client_id: draft.client_id,
            mentions: draft.mentions,
            mentions_all: draft.mentions_all,
            attachments: draft.attachments,
            custom_type: draft.custom_type,
            metadata: draft.metadata.map(Cow::Borrowed),
        },
    }
}

fn question_of_edit<'a>(
    message: &'a Message,
    edit: &'a MessageEdit,
    kind: ChatKind,
) -> Result<Unsigned<'a>, Problem> {
    let before = message.metadata.as_ref();
    let metadata = match &edit.metadata {
        Some(patch) => merge_metadata(before, patch.as_ref())
            .map_err(Problem::invalid_metadata)?
            .map(Cow::Owned),
        None => before.map(Cow::Borrowed),
    };
    let mentions = edit.mentions.as_ref().or(message.mentions.as_ref());
    let subject = match &edit.subject {
        Some(subject) => subject.as_deref(),
        None => message.subject.as_deref(),
    };
    Ok(Unsigned {
        event: Event::Update,
        chat: place(message.chat_id, kind),
        message: Proposal {
            id: Some(message.id),
            body: edit.body.as_deref().unwrap_or(&message.body),
            subject,
            reply_to: message.reply_to.as_ref().map(|reply| reply.id),
            client_id: message.client_id.as_deref(),
            mentions: mentions.map_or(&[], |users: &Vec<UserId>| users),
            mentions_all: edit.mentions_all.or(message.mentions_all) == Some(true),
            attachments: message.attachments.as_deref().unwrap_or_default(),
            custom_type: message.custom_type.as_deref(),
            metadata,
        },
    })
}

fn place(id: ChatId, kind: ChatKind) -> Place {
    Place { id, kind }
}

/// Has a text judged, and returns the body that the hook gives it, if another.
///
/// # Errors
/// 403 when it is refused; 503 when there is no verdict, and the hook fails closed.
async fn judge(
    caller: &Caller,
    hook: &Hook,
    unsigned: Unsigned<'_>,
) -> Result<Option<String>, Problem> {
    let user = caller.state.store.user(caller.user()).await?;
    let user = user.ok_or_else(Problem::unauthorized)?;
    let Unsigned {
        event,
        chat,
        message,
    } = unsigned;
    let has_attachments = !message.attachments.is_empty();
    let question = Question {
        event,
        chat,
        sender: Sender {
            id: user.id,
            username: &user.username,
            external_id: Some(&*user.external_id).filter(|id| !id.is_empty()),
        },
        message,
    };
    let may_be = |body: &str| {
        let mut rules = Rules::default();
        match has_attachments {
            true => rules.body_beside_attachments(body),
            false => rules.body(body),
        }
        rules.done().is_ok()
    };
    match hook.judge(&question, may_be).await {
        Ok(Verdict::Allow) => Ok(None),
        Ok(Verdict::Change { body }) => Ok(Some(body)),
        Ok(Verdict::Refuse { reason }) => Err(refused(reason.as_deref().unwrap_or_default())),
        Err(_) => Err(Problem::unavailable(
            ProblemCode::HookUnavailable,
            "A hook of the people who run this server has to judge the message, and does not \
             answer as it should. Try again in a moment.",
            2,
        )),
    }
}

fn refused(reason: &str) -> Problem {
    let reason = match plain_line(reason, MAX_REASON) {
        reason if reason.is_empty() => "This server does not take this message.".to_owned(),
        reason => reason,
    };
    Problem::new(ProblemCode::MessageRefused, reason)
}

/// Returns true for a problem that another verdict would not have made.
fn is_of_verdict(problem: &Problem) -> bool {
    matches!(
        problem.code(),
        ProblemCode::MessageRefused | ProblemCode::HookUnavailable | ProblemCode::ClientIdReused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_refusal_is_one_plain_line() {
        let detail = |reason: &str| refused(reason).body("1").detail;
        assert_eq!(
            detail("  No\r\n\tinsults,\u{202E} please. "),
            "No insults, please."
        );
        assert_eq!(detail(&"é".repeat(1000)).chars().count(), MAX_REASON);
        for nothing in ["", " \n", "\u{200B}\u{0}"] {
            assert_eq!(detail(nothing), "This server does not take this message.");
        }
    }
}
