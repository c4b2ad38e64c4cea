# The settings of a ruby-saml service provider whose identity provider is the file that keyhold-mellon-update keeps.
#
# ruby-saml does not look at a document's validUntil, and its own check of signatures takes forged metadata
# (docs/use/relying-parties.md). So the updater checks, and this reads the file that it has put in place.

require "onelogin/ruby-saml"

module KeyholdSaml
  # For one request, with all keys of the file. The service provider adds its own entity id and reply URL.
  def self.settings(metadata_file, entity_id)
    settings = OneLogin::RubySaml::IdpMetadataParser.new.parse(File.read(metadata_file), entity_id: entity_id)
    settings.security[:want_assertions_signed] = true
    settings
  end
end
