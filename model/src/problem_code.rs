//! The codes of problems and of broken rules: stable words that a client may branch on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines an enum of codes, each with its word and its title.
macro_rules! codes {
    ($(#[$note:meta])* $name:ident { $($code:ident $word:tt $title:tt;)* }) => {
        $(#[$note])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
        pub enum $name {
            $(
                #[doc = $title]
                #[serde(rename = $word)]
                #[cfg_attr(feature = "openapi", oai(rename = $word))]
                $code,
            )*
        }

        impl $name {
            /// The codes, in the order of their definition.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// Returns the word that stands for the code.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)*
                }
            }

            /// Returns a sentence that says what the code means.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// A stable word for the kind of a problem.
    ProblemCode {
        Malformed "malformed" "The request cannot be understood.";
        Unauthorized "unauthorized" "The request has no session, or one that has ended.";
        TokenExpired "token_expired"
            "The token of the identity provider has expired; get a new one.";
        WrongLogin "wrong_login" "The username, the e-mail address or the password is wrong.";
        AccountDisabled "account_disabled" "The account is disabled.";
        ScopeMissing "scope_missing" "The key may not be used for this.";
        RegistrationClosed "registration_closed" "The server lets nobody register.";
        PasswordsOff "passwords_off"
            "The server has no logins: its users come with a token of their own product.";
        OriginNotAllowed "origin_not_allowed" "Pages of this origin may not use the server.";
        RoleTooLow "role_too_low" "The caller's role in the group does not allow this.";
        NotAccepted "not_accepted" "The other person takes no messages from the caller.";
        MessageRefused "message_refused"
            "The hook of the server's operator refuses the message; `detail` has its reason.";
        MentionsAllNotAllowed "mentions_all_not_allowed"
            "The caller may not mention all members of this chat.";
        NotFound "not_found" "The thing does not exist, or the caller may not see it.";
        InviteEnded "invite_ended" "There is no such invitation, or it holds no more.";
        MethodNotAllowed "method_not_allowed" "The path does not have this method.";
        UsernameTaken "username_taken" "Another account has this username.";
        EmailTaken "email_taken" "Another account has this e-mail address.";
        LastOwner "last_owner" "The owner cannot leave a group that has other members.";
        GroupFull "group_full" "The group has as many members as a group can have.";
        DirectChat "direct_chat" "A direct chat does not allow this.";
        TooManyReactions "too_many_reactions"
            "The message has as many kinds of reaction as it can.";
        TooManyHidden "too_many_hidden" "The chat has as many hidden messages as it can.";
        TooManyPins "too_many_pins" "The chat has as many pinned messages as it can.";
        TooManyInvites "too_many_invites" "The group has as many invitations as it can.";
        TooManyKeys "too_many_keys" "The server has as many keys as it can.";
        TooManyBlocks "too_many_blocks" "The caller blocks as many others as they can.";
        ClientIdReused "client_id_reused"
            "The caller sent another message under this `client_id`.";
        TooLarge "too_large" "The body or the file is too large.";
        UnsupportedMediaType "unsupported_media_type" "The body is not of the expected type.";
        RangeNotSatisfiable "range_not_satisfiable" "The file has nothing of the range asked for.";
        Invalid "invalid" "Fields break rules; `errors` lists them.";
        InvalidMetadata "invalid_metadata"
            "The metadata is no JSON object, or it is too large or too deep.";
        RateLimited "rate_limited" "The limit is used up; retry after `Retry-After` seconds.";
        Internal "internal" "The server made an error; its log has the id of the request.";
        NotDurable "not_durable" "The write was made, but could be lost; repeat it.";
        StoreUnavailable "store_unavailable" "Redis does not answer as it should.";
        StoreBehind "store_behind"
            "Redis or SQL went back in time, or is being compared with the other.";
        StoreFull "store_full" "Redis is full, or too much is not in SQL yet.";
        HistoryUnavailable "history_unavailable" "SQL does not answer, and the request needs it.";
        HookUnavailable "hook_unavailable"
            "The operator's hook has to judge the message, and gives no verdict.";
        FilesUnavailable "files_unavailable" "Files cannot be stored or read now.";
        ProviderUnavailable "provider_unavailable"
            "The identity provider does not answer, and its keys are not known.";
        ClockSkew "clock_skew" "The clock of Redis is wrong.";
        WebhookAddress "webhook_address" "The address of the webhook cannot be used.";
        WebhookEvents "webhook_events" "The webhook asks for events that there are not.";
        TooManyWebhooks "too_many_webhooks" "The server, or the chat, has as many as it can.";
        Busy "busy" "Too much of this is under way already.";
    }
}

impl ProblemCode {
    /// Returns the HTTP status that every problem with this code has.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthorized | Self::TokenExpired | Self::WrongLogin => 401,
            Self::AccountDisabled
            | Self::ScopeMissing
            | Self::RegistrationClosed
            | Self::PasswordsOff
            | Self::OriginNotAllowed
            | Self::RoleTooLow
            | Self::NotAccepted
            | Self::MessageRefused
            | Self::MentionsAllNotAllowed => 403,
            Self::NotFound | Self::InviteEnded => 404,
            Self::MethodNotAllowed => 405,
            Self::UsernameTaken
            | Self::EmailTaken
            | Self::LastOwner
            | Self::GroupFull
            | Self::DirectChat
            | Self::TooManyReactions
            | Self::TooManyHidden
            | Self::TooManyPins
            | Self::TooManyInvites
            | Self::TooManyBlocks
            | Self::TooManyKeys
            | Self::TooManyWebhooks
            | Self::ClientIdReused => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RangeNotSatisfiable => 416,
            Self::Invalid | Self::InvalidMetadata | Self::WebhookAddress | Self::WebhookEvents => {
                422
            }
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::NotDurable
            | Self::StoreUnavailable
            | Self::StoreFull
            | Self::HistoryUnavailable
            | Self::HookUnavailable
            | Self::FilesUnavailable
            | Self::ProviderUnavailable
            | Self::ClockSkew
            | Self::StoreBehind
            | Self::Busy => 503,
        }
    }
}

codes! {
    /// A stable word for the rule that a field breaks.
    FieldErrorCode {
        Length "length" "The text or the list is too short or too long.";
        Characters "characters" "The text has characters that are not allowed.";
        Email "email" "The text is not an e-mail address.";
        Emoji "emoji" "The text is not exactly one emoji.";
        Range "range" "The number or the time is out of range.";
        Required "required" "One of several fields must be given.";
        NotNullable "not_nullable" "The field can be changed, but not cleared.";
        NotAllowed "not_allowed" "The field must be absent here.";
        Reserved "reserved" "The name cannot be used.";
        Common "common" "The password is easy to guess.";
        Twice "twice" "Two items of the list are of the same thing.";
        Wrong "wrong" "The password is not that of the account.";
        Caller "self" "The field names the caller, where it must name another person.";
        Unknown "unknown" "The thing that the field names is not in this chat.";
        UnknownMember "unknown_member" "There is no user with this id, username or e-mail address.";
        Empty "empty" "The file is empty.";
        TooManyPixels "too_many_pixels" "The picture has too many pixels.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_word_stands_for_one_code() {
        let words: BTreeSet<_> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ProblemCode::ALL.len());
        let words: BTreeSet<_> = FieldErrorCode::ALL
            .iter()
            .map(|code| code.as_str())
            .collect();
        assert_eq!(words.len(), FieldErrorCode::ALL.len());
    }
}
