//! Owns how soon customers are answered: a target for each channel, with exceptions by channel, tier and priority.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::{Case, Channel, Priority, Tier};
use crate::kernel::span::Span;

/// No first response may take longer, on any channel (S0-6).
pub const RESPONSE_SECONDS_MAX: u32 = 2 * 3_600;

/// First response by channel, with exceptions by tier and priority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Frt {
    /// 电话
    pub phone: Span,
    /// 在线聊天
    pub web_chat: Span,
    /// 企业微信
    pub wecom: Span,
    /// 微信
    pub wechat: Span,
    /// 邮件
    pub email: Span,
    /// 短信
    pub sms: Span,
    /// 社交媒体
    pub social: Span,
    /// 到访
    pub walk_in: Span,
    /// 接口
    pub api: Span,
    /// Other targets for a channel, tier or priority; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub overrides: Vec<TargetOverride>,
}

/// A target for some cases only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetOverride {
    /// For this channel only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// For this tier only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// For this priority only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The target.
    pub target: Span,
}

impl Frt {
    /// Every channel's base target, by its name.
    pub fn rows(&self) -> [(&'static str, Span); 9] {
        [
            ("phone", self.phone),
            ("web_chat", self.web_chat),
            ("wecom", self.wecom),
            ("wechat", self.wechat),
            ("email", self.email),
            ("sms", self.sms),
            ("social", self.social),
            ("walk_in", self.walk_in),
            ("api", self.api),
        ]
    }

    /// The target of `case`.
    pub fn target(&self, case: &Case) -> Span {
        exception(&self.overrides, case).unwrap_or_else(|| self.base(case.channel))
    }

    fn base(&self, channel: Channel) -> Span {
        match channel {
            Channel::Phone => self.phone,
            Channel::Email => self.email,
            Channel::WebChat => self.web_chat,
            Channel::Wecom => self.wecom,
            Channel::Wechat => self.wechat,
            Channel::Sms => self.sms,
            Channel::Social => self.social,
            Channel::WalkIn => self.walk_in,
            Channel::Api => self.api,
        }
    }
}

/// The first of `overrides` that fits `case`.
pub fn exception(overrides: &[TargetOverride], case: &Case) -> Option<Span> {
    let fits = |one: &&TargetOverride| {
        one.channel.is_none_or(|channel| channel == case.channel)
            && one.tier.is_none_or(|tier| tier == case.customer_tier)
            && one.priority.is_none_or(|priority| priority == case.priority)
    };
    overrides.iter().find(fits).map(|found| found.target)
}
