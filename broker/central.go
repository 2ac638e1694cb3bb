package main

import (
	"consento/broker/internal/access"
	"consento/broker/internal/central"
	"consento/broker/internal/web"
)

// withDirectory adds where the configuration says that people sign in.
func (b *broker) withDirectory(config access.Config) (access.Config, error) {
	config.Central = b.config.OIDC.Set()
	if b.config.LDAP.Set() {
		directory, err := central.NewDirectory(b.config.LDAP)
		if err != nil {
			return config, err
		}
		config.Directory = directory
	}
	return config, nil
}

// centralPages gives the pages what the configuration names.
func (b *broker) centralPages(pages *web.Config) error {
	pages.Central, pages.Directory = b.access, b.config.LDAP.Name
	if b.config.OIDC.Set() {
		provider, err := central.NewProvider(b.config.OIDC, b.log)
		if err != nil {
			return err
		}
		pages.SSO = provider
	}
	return nil
}
