//! Owns the API's form of a role: its name, with every name in the OpenAPI document.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::kernel::actor::Role;

/// A role by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleName(pub Role);

impl Serialize for RoleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Role::parse(&name).map(Self).map_err(de::Error::custom)
    }
}

impl PartialSchema for RoleName {
    fn schema() -> RefOr<Schema> {
        let names = Role::ALL.map(Role::name);
        let about = "A role; `senior_agent` includes `agent`, `supervisor` both, `dept_manager` includes `dept_handler`.";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names))
            .description(Some(about))
            .into()
    }
}

impl ToSchema for RoleName {
    fn name() -> std::borrow::Cow<'static, str> {
        "Role".into()
    }
}
