using System.Security.Cryptography.X509Certificates;
using System.Xml;

namespace Keyhold.Recipes;

/// <summary>The identity provider's keys in the file that keyhold-mellon-update keeps, which has checked them.</summary>
public static class KeyholdMetadata
{
    /// <summary>To be called for each request. These certificates, and no others, may sign an assertion.</summary>
    public static IReadOnlyList<X509Certificate2> SigningCertificates(string metadataFile)
    {
        var document = new XmlDocument { XmlResolver = null };
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null };
        using (var reader = XmlReader.Create(metadataFile, settings)) document.Load(reader);
        var names = new XmlNamespaceManager(document.NameTable);
        names.AddNamespace("md", "urn:oasis:names:tc:SAML:2.0:metadata");
        names.AddNamespace("ds", "http://www.w3.org/2000/09/xmldsig#");
        var found = document.SelectNodes(
            "/md:EntityDescriptor/md:IDPSSODescriptor/md:KeyDescriptor[@use='signing']//ds:X509Certificate", names)!;
        return [.. found.Cast<XmlNode>().Select(node =>
            X509CertificateLoader.LoadCertificate(Convert.FromBase64String(node.InnerText)))];
    }
}
