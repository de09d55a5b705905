-- Up Migration

-- What an operator decided about an attempt of which nobody else can say whether the provider took it.
alter table attempts add column resolution text check (resolution in ('accepted', 'never_existed', 'fail', 'failover'));

-- Down Migration

alter table attempts drop column resolution;
