//! Owns what people read as the name of a thing, in both languages of the product.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name in English and Chinese.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// English.
    #[schemars(length(min = 1, max = 200))]
    pub en: String,
    /// 中文
    #[schemars(length(min = 1, max = 200))]
    pub zh: String,
}
