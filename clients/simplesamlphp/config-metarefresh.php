<?php

// SimpleSAMLphp with Keyhold's idp.xml: what is not in this file is in docs/use/relying-parties.md.
$config = [
    'sets' => [
        'keyhold' => [
            'cron' => ['frequent'],
            'sources' => [[
                'src' => 'https://keyhold.example/40000000-0000-4000-8000-000000000001/federationmetadata/2007-06/idp.xml',
                'certificates' => ['keyhold-publisher.pem', 'keyhold-publisher-next.pem'],
                'conditionalGET' => true,
                'types' => ['saml20-idp-remote'],
            ]],
            'expireAfter' => 604800,
            'outputDir' => '/var/lib/simplesamlphp/keyhold/',
            'outputFormat' => 'flatfile',
        ],
    ],
];
