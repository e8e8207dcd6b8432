//! The size of the synthetic organization, from the command line.

/// Size and seed of a synthetic organization.
#[derive(Clone, Debug)]
pub struct Shape {
    pub people: usize,
    pub roles: usize,
    pub grants: usize,
    pub seed: u64,
    /// Whether to generate the organization some days later, with about 1 % of its people and grants changed.
    pub changed: bool,
}

impl Shape {
    /// Parses `--people`, `--roles`, `--grants`, `--seed` and `--changed`; returns the other arguments in order.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<(Self, Vec<String>), String> {
        let mut shape = Self {
            people: 1_000,
            roles: 100,
            grants: 10_000,
            seed: 1,
            changed: false,
        };
        let mut others = Vec::new();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut number = || {
                arguments
                    .next()
                    .and_then(|text| text.replace(['_', ','], "").parse::<usize>().ok())
                    .ok_or_else(|| format!("`{argument}` needs a number"))
            };
            match argument.as_str() {
                "--people" => shape.people = number()?,
                "--roles" => shape.roles = number()?,
                "--grants" => shape.grants = number()?,
                "--seed" => shape.seed = number()? as u64,
                "--changed" => shape.changed = true,
                _ => others.push(argument),
            }
        }
        if shape.people == 0 || shape.roles == 0 {
            return Err("an organization needs at least one person and one role".to_owned());
        }
        if shape.grants > shape.people * shape.roles {
            return Err(format!(
                "{} people and {} roles allow at most {} grants",
                shape.people,
                shape.roles,
                shape.people * shape.roles
            ));
        }
        Ok((shape, others))
    }
}
