package main

import (
	"consento/broker/internal/central"
	"consento/broker/internal/web"
)

// centralAccounts are behind the pages what the configuration names.
func (b *broker) centralAccounts(pages *web.Config) error {
	pages.Central = b.access
	if b.config.OIDC.Set() {
		provider, err := central.NewProvider(b.config.OIDC, b.log)
		if err != nil {
			return err
		}
		pages.SSO = provider
	}
	return nil
}
